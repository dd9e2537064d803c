// The order form: the sum on the button, checks while typing, and sending without leaving the page. Without this module the
// form is an ordinary one, and the server says all of this.
let key = "";
let sent = "";

// A key for each wish, kept while the wish is the same: a retry after a lost answer finds the first order again.
function nonceFor(fields) {
  if (fields !== sent || !key) {
    const bytes = crypto.getRandomValues(new Uint8Array(24));
    key = "j" + btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
    sent = fields;
  }
  return key;
}

// Whole minor units, so that no amount is ever rounded.
function money(form, quantity) {
  const { price, exponent, sign } = form.dataset;
  const digits = Number(exponent);
  const text = String(Number(price) * quantity).padStart(digits + 1, "0");
  return sign + (digits ? text.slice(0, -digits) + "." + text.slice(-digits) : text);
}

function count(form) {
  const { value, dataset } = form.elements.quantity;
  const n = /^\d{1,4}$/.test(value.trim()) ? Number(value) : 0;
  return n >= Number(dataset.min) && n <= Number(dataset.max) ? n : 0;
}

function label(form) {
  const n = count(form);
  const button = form.querySelector("#place-order");
  button.textContent = button.dataset.label + (n ? " · " + money(form, n) : "");
  const { value, dataset } = form.elements.quantity;
  for (const step of form.querySelectorAll("[data-step]")) {
    const isUp = Number(step.dataset.step) > 0;
    step.disabled = isUp ? Number(value) >= Number(dataset.max) : Number(value) <= Number(dataset.min);
  }
}

const kinds = {
  any: /./,
  email: /^[^\s@]+@[^\s@.]+(\.[^\s@.]+)+$/,
  qq: /^[1-9]\d{4,11}$/,
  phone: /^\+?\d{5,20}$/,
};

// What is wrong with a field, in the words the server wrote beside it; nothing when it fits.
function fault(input) {
  const { required, malformed, check, short, range } = input.dataset;
  const value = input.value.trim();
  if (input.type === "checkbox") return input.required && !input.checked ? required : "";
  if (range) return count(input.form) ? "" : range;
  if (input.required && !value) return required;
  if (check && !kinds[check].test(value)) return malformed;
  if (short && value && [...input.value].length < 6) return short;
  return "";
}

function show(input, words) {
  const error = document.getElementById(input.id + "-e");
  const help = document.getElementById(input.id + "-h");
  if (!error) return;
  error.hidden = !words;
  error.lastElementChild.textContent = words;
  if (help && !input.dataset.range) help.hidden = Boolean(words);
  if (words) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

function checked(form) {
  return [...form.elements].filter((input) => input.id && input.matches("input") && document.getElementById(input.id + "-e"));
}

function focus(element) {
  if (!element) return;
  element.closest("details")?.setAttribute("open", "");
  element.focus();
  element.scrollIntoView({ block: "center" });
}

function busy(form, isBusy) {
  const button = form.querySelector("#place-order");
  form.toggleAttribute("aria-busy", isBusy);
  button.disabled = isBusy;
  if (isBusy) button.textContent = form.dataset.busy;
  else label(form);
}

function offline(form, isOffline) {
  const banner = form.querySelector("#offline");
  banner.lastElementChild.textContent = isOffline ? form.dataset.offline : "";
  banner.hidden = !isOffline;
  if (isOffline) focus(banner);
}

async function send(form) {
  const body = new URLSearchParams(new FormData(form));
  body.delete("nonce");
  body.set("nonce", nonceFor(body.toString()));
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), 30000);
  busy(form, true);
  offline(form, false);
  // What was said about the last try is over.
  for (const told of document.querySelectorAll("#form-errors, #form-notice")) told.hidden = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Part": "form" }, signal: patience.signal });
    if (answer.status === 201) {
      // Whoever comes back and orders again wants another order.
      key = "";
      location.assign(answer.headers.get("Location"));
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector("main");
    if (!main) throw new Error("no page");
    document.querySelector("main").replaceWith(document.adoptNode(main));
    start();
    focus(document.querySelector("main [role=alert]:not([hidden])") ?? document.querySelector("main [aria-invalid]"));
  } catch {
    busy(form, false);
    offline(form, true);
  } finally {
    clearTimeout(timer);
  }
}

function start() {
  const form = document.getElementById("order-form");
  if (!form) return;
  // The browser's own bubbles speak the browser's language and hide the field below.
  form.noValidate = true;
  label(form);
  form.addEventListener("input", (event) => {
    if (event.target.name === "quantity") label(form);
    if (event.target.getAttribute("aria-invalid")) show(event.target, fault(event.target));
  });
  form.addEventListener("focusout", ({ target }) => {
    if (target.value && checked(form).includes(target)) show(target, fault(target));
  });
  form.addEventListener("click", (event) => {
    const step = event.target.closest("[data-step]");
    if (!step) return;
    const input = form.elements.quantity;
    const { min, max } = input.dataset;
    const next = (Number(input.value) || 0) + Number(step.dataset.step);
    input.value = Math.min(Math.max(next, Number(min)), Number(max));
    show(input, "");
    label(form);
  });
  form.addEventListener("submit", (event) => {
    const faults = checked(form).map((input) => [input, fault(input)]);
    // Only now: should anything above fail, the form is sent as an ordinary one.
    event.preventDefault();
    if (form.hasAttribute("aria-busy")) return;
    for (const [input, words] of faults) show(input, words);
    const first = faults.find(([, words]) => words);
    if (first) focus(first[0]);
    else send(form);
  });
}

// A page taken out of the browser's memory may still say that it is sending.
addEventListener("pageshow", (event) => {
  const form = document.getElementById("order-form");
  if (event.persisted && form) busy(form, false);
});
start();
