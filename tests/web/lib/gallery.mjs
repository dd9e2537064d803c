// The gallery: every page in every state.

import { run } from "./shop.mjs";

export async function openGallery() {
  const { said, stop } = await run("gallery", [], { RUST_LOG: "error" }, (line) => {
    return line.startsWith("{") ? JSON.parse(line) : null;
  });
  return { origin: `http://127.0.0.1:${said.port}`, pages: said.pages, stop };
}

// Makes a visitor the one that a page is looked at by.
export async function dress(visitor, entry, lang) {
  const url = visitor.origin;
  const old = await visitor.page.cookies(url);
  if (old.length) await visitor.page.deleteCookie(...old.map(({ name }) => ({ name, url })));
  const pairs = (entry.cookie ? entry.cookie.split("; ") : []).map((pair) => {
    const at = pair.indexOf("=");
    return { name: pair.slice(0, at), value: pair.slice(at + 1), url };
  });
  pairs.push({ name: "lang", value: lang === "en" ? "en" : "zh", url });
  await visitor.page.setCookie(...pairs);
}
