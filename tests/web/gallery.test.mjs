// Every page in every state: what the accessibility checker says, and what a program can answer of the designer's questions.

import test, { after, before } from "node:test";
import assert from "node:assert/strict";
import { accessible } from "./lib/axe.mjs";
import { launch, overflow, visit } from "./lib/browser.mjs";
import { QUESTIONS, asked, filled, inspect } from "./lib/checks.mjs";
import { EXCEPT, isMeant } from "./lib/except.mjs";
import { dress, openGallery } from "./lib/gallery.mjs";
import { WORDED, missing, plain } from "./lib/words.mjs";

const WORKERS = 2;

let gallery, browser;
const answers = new Map();
const axe = [];
const faults = [];
let checked = 0;

before(async () => {
  [gallery, browser] = await Promise.all([openGallery(), launch()]);
  const rest = [...gallery.pages];
  await Promise.all(Array.from({ length: WORKERS }, () => look(rest)));
}, { timeout: 400_000 });
after(() => Promise.all([browser?.close(), gallery?.stop()]));

const note = (question, entry, found) => {
  const at = `${question}`;
  if (!answers.has(at)) answers.set(at, new Map());
  const of = answers.get(at);
  of.set(entry.name, [...(of.get(entry.name) ?? []), ...found]);
};

// One worker's way through what is left, always in the same three tabs: an ordinary phone, one inside an app, a desktop.
async function look(rest) {
  const tabs = {};
  const tab = async (size, inside) => (tabs[inside ?? size] ??= await visit(browser, gallery.origin, { size, inside }));
  for (let entry = rest.shift(); entry; entry = rest.shift()) {
    for (const [size, lang] of [["phone", "zh"], ["phone", "en"], ["desktop", "zh"]]) {
      if (entry.inside && size === "desktop") continue;
      const visitor = await tab(size, entry.inside);
      await one(visitor, entry, { size, lang });
      faults.push(...visitor.faults.splice(0).map((fault) => `${entry.name}: ${fault}`));
    }
  }
}

async function one(visitor, entry, { size, lang }) {
  const { page } = visitor;
  await dress(visitor, entry, lang);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }, { name: "prefers-reduced-motion", value: "reduce" }]);
  await visitor.go(entry.url);
  const isOwn = entry.cookie?.includes("=1.");
  if (isOwn && ["delivered", "completed"].includes(entry.stage)) await page.waitForSelector(".key");
  if (entry.stage) {
    const stage = await page.$eval("#order", (order) => order.dataset.stage);
    if (stage !== entry.stage) faults.push(`${entry.name}: it is ${stage} and not ${entry.stage}`);
  }
  const questions = asked(entry, { size, lang });
  const found = await page.evaluate(inspect, { questions, name: entry.name, stage: entry.stage, least: filled(entry), lang, size });
  const where = `${size} ${lang}: `;
  for (const [question, said] of Object.entries(found)) if (question !== "said") note(question, entry, said.map((fault) => where + fault));
  const over = await page.evaluate(overflow);
  if (size === "phone") {
    const before = page.viewport();
    await page.setViewport({ ...before, width: 320 });
    over.push(...(await page.evaluate(overflow)).map((fault) => `320 px: ${fault}`));
    await page.setViewport(before);
  }
  note(1, entry, over.map((fault) => where + fault));
  const { said } = found;
  const words = missing(entry.name, lang, { ...said, text: plain(said.text) });
  const many = said.actions.length > 2 ? [`${said.actions.length} buttons: ${said.actions}`] : [];
  if (words) note(23, entry, [...words, ...many].map((fault) => where + fault));

  if (size === "phone" && lang === "zh") {
    checked += 1;
    axe.push(...(await accessible(page)).map((fault) => `${entry.name} light: ${fault}`));
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }, { name: "prefers-reduced-motion", value: "reduce" }]);
    const dark = await page.evaluate(inspect, { questions: [8], name: entry.name, stage: entry.stage, least: 0, lang, size });
    const contrast = await accessible(page, "color-contrast");
    note(8, entry, [...dark[8], ...contrast]);
    axe.push(...contrast.map((fault) => `${entry.name} dark: ${fault}`));
  }
}

test("no page breaks the policy, fails in a script, or asks anybody else", () => {
  assert.deepEqual(faults, []);
});

test("the accessibility checker finds nothing grave on any page, in either theme", () => {
  console.log(`axe: ${checked} pages, two themes, ${axe.length} grave`);
  assert.ok(checked > 60, `only ${checked} pages were checked`);
  assert.deepEqual(axe, []);
});

test("every row of the words has a page, so that none is compared with nothing", () => {
  const names = gallery.pages.map(({ name }) => name);
  assert.deepEqual(WORDED.filter((name) => !names.includes(name)), []);
});

test("what a program can answer of the designer's questions", async (t) => {
  console.log("  no  pages  fail  question");
  for (const [number, question] of Object.entries(QUESTIONS)) {
    const of = answers.get(number) ?? new Map();
    const bad = [...of].map(([name, found]) => [name, found.filter((fault) => !isMeant(number, name, fault))]).filter(([, found]) => found.length);
    console.log(`  ${number.padStart(2)}  ${String(of.size).padStart(5)}  ${String(bad.length).padStart(4)}  ${question}`);
    await t.test(`${number}: ${question}`, () => {
      assert.ok(of.size > 0, "asked of no page");
      if (bad.length) assert.fail(grouped(bad));
    });
  }
});

// The same fault on many pages is said once, with the pages.
function grouped(bad) {
  const pages = new Map();
  for (const [name, found] of bad) for (const fault of found) pages.set(fault, [...(pages.get(fault) ?? []), name]);
  const most = [...pages].sort((a, b) => b[1].length - a[1].length);
  const lines = most.slice(0, 25).map(([fault, names]) => `${fault} — ${names.length}: ${names.slice(0, 6).join(", ")}${names.length > 6 ? " …" : ""}`);
  return `${bad.length} pages\n${lines.join("\n")}`;
}

test("an exception that is no longer needed is taken off the list", () => {
  const faults = [...answers].flatMap(([number, of]) => [...of].flatMap(([name, found]) => found.map((fault) => [Number(number), name, fault])));
  const isIdle = ([number, pages, words]) => !faults.some(([n, name, fault]) => n === number && pages.test(name) && words.test(fault));
  assert.deepEqual(EXCEPT.filter(isIdle).map(String), []);
});
