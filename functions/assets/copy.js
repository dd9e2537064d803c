// Buttons that copy. They stand in the page only where this module runs: without it one tap selects a text whole.

const zh = document.documentElement.lang.startsWith("zh");
const DONE = zh ? "已复制 ✓" : "Copied ✓";
const SELECTED = zh ? "已选中，请长按并选择“复制”。" : "Selected. Press and hold to copy.";

// Says a sentence to whoever sees the page and to whoever hears it. A `quiet` one is only heard: the page shows it already.
export function say(text, quiet) {
  let line = document.getElementById("notice");
  if (!line) {
    line = document.createElement("p");
    line.id = "notice";
    line.setAttribute("role", "status");
    document.querySelector("main").prepend(line);
  }
  const words = document.createElement("span");
  words.className = quiet ? "vh" : "";
  words.textContent = text;
  line.replaceChildren(words);
}

async function put(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No secure context, or no permission: the old way may still work.
  }
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "vh";
  document.body.append(box);
  box.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    // The selection below is what is left.
  }
  box.remove();
  return done;
}

function select(elements) {
  const range = document.createRange();
  range.setStartBefore(elements[0]);
  range.setEndAfter(elements[elements.length - 1]);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

// Copies what stands in the page, never a second version of it in an attribute.
async function copy(button, elements, said) {
  const texts = elements.map((element) => element.textContent);
  const glue = texts.some((text) => text.includes("\n")) ? "\n\n" : "\n";
  if (!(await put(texts.join(glue)))) {
    for (const element of elements) element.closest("details")?.setAttribute("open", "");
    select(elements);
    say(SELECTED);
    return;
  }
  say(said || DONE, !said);
  if (button.dataset.label) return;
  button.dataset.label = button.textContent;
  button.style.minWidth = `${button.offsetWidth}px`;
  button.textContent = DONE;
  setTimeout(() => {
    button.textContent = button.dataset.label;
    delete button.dataset.label;
  }, 2000);
}

function button(from, label) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = from.dataset.copyClass || "b b-2";
  made.textContent = label;
  if (from.dataset.copyName) made.setAttribute("aria-label", from.dataset.copyName);
  return made;
}

// Puts the buttons in: behind each `data-copy` one for its text, into each `data-copy-all` one for all keys around it. What
// carries `data-copies` is there already and copies the element of that id.
export function wire(root) {
  for (const value of root.querySelectorAll("[data-copy]:not([data-wired])")) {
    value.dataset.wired = "";
    const made = button(value, value.dataset.copy);
    made.addEventListener("click", () => copy(made, [value]));
    value.after(made);
  }
  for (const place of root.querySelectorAll("[data-copy-all]:not([data-wired])")) {
    place.dataset.wired = "";
    const made = button(place, place.dataset.copyAll);
    made.addEventListener("click", () => copy(made, [...place.closest(".goods").querySelectorAll(".key")]));
    place.append(made);
    // One filled button in a view: the one that had to stand in for this one steps back.
    if (made.classList.contains("b-1")) {
      for (const spare of root.querySelectorAll(".spare.b-1")) spare.classList.replace("b-1", "b-2");
    }
  }
  for (const there of root.querySelectorAll("[data-copies]:not([data-wired])")) {
    there.dataset.wired = "";
    there.addEventListener("click", () => {
      const value = document.getElementById(there.dataset.copies);
      if (value) copy(there, [value], there.dataset.said);
    });
  }
}

wire(document);
