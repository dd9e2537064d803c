// Writes a picture of every page in every state, for people to look at: `node shots.mjs FOLDER [name …]`, or the four pictures
// of the README: `node shots.mjs --readme FOLDER`.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SIZES, launch, visit } from "./lib/browser.mjs";
import { dress, openGallery } from "./lib/gallery.mjs";

const WITHOUT_SCRIPTS = ["product", "awaiting", "delivered"];
const README = [
  { name: "shop", file: "phone-shop", size: "phone" },
  { name: "awaiting", file: "phone-pay", size: "phone" },
  { name: "delivered", file: "phone-key", size: "phone" },
  { name: "product", file: "desktop-product", size: "desktop" },
];

const args = process.argv.slice(2);
const isReadme = args[0] === "--readme";
const [folder, ...names] = isReadme ? args.slice(1) : args;
if (!folder) {
  console.error("which folder?");
  process.exit(2);
}
const out = resolve(folder);
mkdirSync(out, { recursive: true });

const [gallery, browser] = await Promise.all([openGallery(), launch()]);
try {
  if (isReadme) await readme();
  else await everything();
} finally {
  await Promise.all([browser.close(), gallery.stop()]);
}

async function readme() {
  for (const { name, file, size } of README) {
    const visitor = await visit(browser, gallery.origin, { size });
    await visitor.page.setViewport({ ...SIZES[size], deviceScaleFactor: size === "phone" ? 2 : 1 });
    await take(visitor, gallery.pages.find((entry) => entry.name === name), "zh", file, false);
    await visitor.leave();
  }
}

async function everything() {
  const wanted = gallery.pages.filter(({ name }) => !names.length || names.includes(name));
  const ways = [];
  for (const size of ["phone", "desktop"]) {
    for (const theme of ["light", "dark"]) {
      for (const lang of ["zh", "en"]) for (const js of [true, false]) ways.push({ size, theme, lang, js });
    }
  }
  const written = new Map(wanted.map(({ name }) => [name, []]));
  const way = async ({ size, theme, lang, js }) => {
    const tabs = {};
    for (const entry of wanted) {
      if (!js && !WITHOUT_SCRIPTS.includes(entry.name)) continue;
      if (entry.inside && size === "desktop") continue;
      const inside = entry.inside ?? undefined;
      const visitor = (tabs[inside] ??= await visit(browser, gallery.origin, { size, theme, js, inside, watch: false }));
      const file = [entry.name, size, theme, lang, ...(js ? [] : ["nojs"])].join("-");
      await take(visitor, entry, lang, file, true);
      written.get(entry.name).push(file);
    }
    for (const visitor of Object.values(tabs)) await visitor.leave();
  };
  // Two at once: as many as the machine has hands.
  const rest = [...ways];
  const worker = async () => {
    for (let next = rest.shift(); next; next = rest.shift()) await way(next);
  };
  await Promise.all([worker(), worker()]);
  writeFileSync(join(out, "index.html"), index(wanted, written));
  console.log(`${[...written.values()].flat().length} pictures of ${wanted.length} pages`);
}

async function take(visitor, entry, lang, file, fullPage) {
  const { page } = visitor;
  await dress(visitor, entry, lang);
  await visitor.go(entry.url);
  if (entry.cookie?.includes("=1.") && ["delivered", "completed"].includes(entry.stage)) await page.waitForSelector(".key");
  await page.screenshot({ path: join(out, `${file}.png`), fullPage });
}

function index(pages, written) {
  const section = ({ name, row }) => `<h2 id="${name}">${name} <small>${row}</small></h2><p>${written
    .get(name)
    .sort()
    .map((file) => `<a href="${file}.png"><img loading="lazy" src="${file}.png" alt="${file}" title="${file}" height="420"></a>`)
    .join(" ")}</p>`;
  const links = pages.map(({ name }) => `<a href="#${name}">${name}</a>`).join(" · ");
  return `<!doctype html><meta charset="utf-8"><title>Every page</title><style>body{font:14px system-ui;margin:24px}img{border:1px solid #888}p{white-space:nowrap;overflow-x:auto}</style><h1>${pages.length} pages</h1><p style="white-space:normal">${links}</p>${pages.map(section).join("\n")}\n`;
}
