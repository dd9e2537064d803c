// Keeps an order's page true: asks, swaps, counts down. Every word comes from the server, in the page or in its newer version.

import { say, wire } from "./copy.js";

const order = document.getElementById("order");
const find = (selector) => order.querySelector(selector);

let shownAt = performance.now();
let askedAt = shownAt;
let goodAt = new Date();
let checkedAt = -Infinity;
let timer = 0;
let asking = false;
let sending = false;
let turn = 0;
let failures = 0;
let over = false;
let told = new Set();

// The one way to the server. What pushes instead of asking would replace this.
function ask(path, headers, body) {
  const method = body ? "POST" : "GET";
  return fetch(location.pathname + path, { method, headers, body, cache: "no-store", signal: AbortSignal.timeout?.(15000) });
}

function trouble(offline) {
  const time = find("#offline time");
  if (time) time.textContent = goodAt.toTimeString().slice(0, 5);
  find("#offline").hidden = !offline;
  find("#gone").hidden = offline;
}

function failed() {
  failures += 1;
  trouble(navigator.onLine === false);
}

function good() {
  failures = 0;
  goodAt = new Date();
  find("#offline").hidden = find("#gone").hidden = true;
}

async function poll() {
  if (asking || sending || document.hidden) return;
  asking = true;
  const mine = turn;
  askedAt = performance.now();
  clearTimeout(timer);
  try {
    const answer = await ask("?part=main", { "X-State": order.dataset.state });
    if (answer.status === 404) return location.reload();
    if (!answer.ok || answer.redirected) throw answer.status;
    const html = answer.status === 204 ? "" : await answer.text();
    order.dataset.pollMs = answer.headers.get("x-poll-ms") ?? order.dataset.pollMs;
    good();
    // What was asked before a button was pressed is older than the answer to the press.
    if (html && mine === turn) swap(html);
  } catch {
    failed();
  } finally {
    asking = false;
    plan();
  }
}

// The server says how long to wait, because it counts what asking costs; after failures slower and slower.
function plan() {
  clearTimeout(timer);
  const asked = Number(order.dataset.pollMs);
  if (!asked) return;
  const wait = failures ? [2, 4, 8, 15][Math.min(failures, 4) - 1] * 1000 : asked;
  timer = setTimeout(poll, over ? Math.min(wait, 2000) : wait);
}

// Somebody looks again. The browser says so in several ways at once.
function look() {
  if (!document.hidden && Number(order.dataset.pollMs) && performance.now() - askedAt > 1000) poll();
}

// Puts a newer version in, and keeps what is the reader's: focus, open parts, half a password, uncovered keys.
function swap(html) {
  const next = new DOMParser().parseFromString(html, "text/html").getElementById("order");
  if (!next) return location.reload();
  const before = order.dataset.stage;
  const focus = order.contains(document.activeElement) ? document.activeElement.id || "title" : "";
  for (const old of order.querySelectorAll("details[id],input[id],#keys[data-kept]")) {
    const now = next.querySelector(`#${CSS.escape(old.id)}`);
    if (!now) continue;
    if (old.id === "keys") now.replaceWith(old);
    else if (old.tagName === "DETAILS") now.open = old.open;
    else now.value = old.value;
  }
  // A line that is heard must stay the same element; its words come after it is back.
  const line = find("#notice");
  const words = next.querySelector("#notice");
  words.replaceWith(line);
  for (const { name, value } of next.attributes) order.setAttribute(name, value);
  order.replaceChildren(...next.childNodes);
  line.replaceChildren();
  setTimeout(() => {
    if (words.textContent.trim()) line.replaceChildren(...words.childNodes);
    else if (before !== order.dataset.stage) say(find("h1").textContent, true);
  }, 100);
  if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  if (before !== order.dataset.stage && order.dataset.stage === "delivered") order.classList.add("joy");
  wire(order);
  start();
}

function start() {
  shownAt = performance.now();
  over = false;
  const keys = find("#keys[data-keys]:not([data-kept])");
  if (keys) uncover(keys);
  tick();
  plan();
}

async function uncover(keys) {
  const button = keys.querySelector("button");
  if (button.disabled) return;
  button.disabled = true;
  button.textContent = button.dataset.busy;
  try {
    const answer = await ask("/keys", { "X-Part": "keys" }, new URLSearchParams());
    if (!answer.ok || answer.redirected) throw answer.status;
    keys.innerHTML = await answer.text();
    keys.dataset.kept = "";
    wire(keys);
  } catch {
    keys.querySelector(".fail").hidden = false;
    button.disabled = false;
    button.textContent = button.dataset.label;
  }
}

function tick() {
  const now = performance.now();
  const check = find("#check");
  if (check) {
    const rest = Math.ceil((checkedAt + 5000 - now) / 1000);
    const label = rest > 0 ? check.dataset.wait.replace("{n}", rest) : check.dataset.label;
    check.disabled = rest > 0 || sending;
    if (check.textContent !== label) check.textContent = label;
  }
  const clock = find("#clock");
  if (!clock || over) return;
  const left = Math.max(0, Math.ceil(Number(order.dataset.secondsLeft) - (now - shownAt) / 1000));
  clock.textContent = `${String(Math.floor(left / 60)).padStart(2, "0")}:${String(left % 60).padStart(2, "0")}`;
  clock.classList.toggle("soon", left < 120);
  find("#hurry").hidden = left >= 120;
  for (const minutes of [5, 1]) {
    if (left <= minutes * 60 && left > minutes * 60 - 5 && !told.has(minutes)) {
      told.add(minutes);
      say(clock.dataset[`say${minutes}`], true);
    }
  }
  if (left === 0) {
    over = true;
    find("#paying").hidden = true;
    find("#zero").hidden = false;
    poll();
  }
}

order.addEventListener("submit", async (event) => {
  const form = event.target;
  const { part } = form.dataset;
  if (!part) return;
  event.preventDefault();
  if (part === "keys") return uncover(form.closest("#keys"));
  if (sending) return;
  sending = true;
  turn += 1;
  clearTimeout(timer);
  if (form.querySelector("#check")) checkedAt = performance.now();
  // The code of the attempt before is not to be scanned any more, whatever the answer will be.
  const voids = form.dataset.voids !== undefined;
  const code = voids ? find(".code") : null;
  if (voids) form.closest("details").open = false;
  if (code) code.hidden = !(find("#void").hidden = false);
  tick();
  try {
    const path = new URL(form.action).pathname.slice(location.pathname.length);
    const answer = await ask(path, { "X-Part": "main" }, new URLSearchParams(new FormData(form)));
    const html = await answer.text();
    if (!html.includes('id="order"')) throw answer.status;
    good();
    swap(html);
  } catch {
    if (code) code.hidden = !(find("#void").hidden = true);
    failed();
  } finally {
    sending = false;
    tick();
    plan();
  }
});

addEventListener("offline", () => trouble(true));
for (const name of ["online", "focus", "pageshow"]) addEventListener(name, look);
document.addEventListener("visibilitychange", look);
setInterval(tick, 500);
start();
