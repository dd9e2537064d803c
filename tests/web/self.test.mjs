// The watchers themselves: each must see what it watches for, or its silence means nothing.

import test, { after, before } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { launch, visit } from "./lib/browser.mjs";
import { accessible } from "./lib/axe.mjs";

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'";
const PAGES = {
  "/good": "<h1>Good</h1><p>Nothing wrong here.</p>",
  "/style": '<h1>Bad</h1><p style="color:red">An inline style.</p>',
  "/script": "<h1>Bad</h1><script>window.ran = true;</script>",
  "/handler": '<h1>Bad</h1><img src="/none.png" alt="" onerror="window.ran = true">',
  "/foreign": '<h1>Bad</h1><a href="https://example.com/">This is only a link.</a>',
  "/wide": '<h1>Bad</h1><pre>' + "x".repeat(400) + "</pre>",
  "/axe": '<h1>Bad</h1><input type="text">',
  "/throws": '<h1>Bad</h1><script src="/throws.js"></script>',
};

let server, origin, other, browser;
before(async () => {
  const answer = (isOpen) => (request, response) => {
    const body = PAGES[new URL(request.url, "http://x").pathname];
    if (request.url === "/throws.js") return response.setHeader("content-type", "text/javascript"), response.end("throw new Error('planted')");
    response.statusCode = body ? 200 : 404;
    response.setHeader("content-type", "text/html; charset=utf-8");
    if (!isOpen) response.setHeader("content-security-policy", POLICY);
    const more = request.url === "/foreign" && other ? `<img src="http://127.0.0.1:${other.address().port}/good" alt="">` : "";
    response.end(`<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width,initial-scale=1"><title>t</title><link rel="icon" href="/good"></head><body><main>${body ?? ""}${more}</main></body></html>`);
  };
  server = createServer(answer(false));
  other = createServer(answer(true));
  await Promise.all([server, other].map((s) => new Promise((done) => s.listen(0, "127.0.0.1", done))));
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await launch();
});
after(async () => {
  await browser?.close();
  for (const s of [server, other]) s.closeAllConnections?.(), s.close();
});

async function faults(path, options = {}) {
  const visitor = await visit(browser, origin, options);
  await visitor.go(path);
  await new Promise((done) => setTimeout(done, 300));
  const { faults } = visitor;
  await visitor.leave();
  return faults.join("\n");
}

test("a good page has no fault", async () => {
  assert.equal(await faults("/good"), "");
  assert.equal(await faults("/good", { js: false }), "");
});

for (const [path, said] of [
  ["/style", /policy was violated/],
  ["/script", /policy was violated/],
  ["/handler", /policy was violated/],
  ["/foreign", /left the shop/],
  ["/throws", /a script failed: planted/],
]) {
  test(`a planted fault is seen: ${path}`, async () => assert.match(await faults(path), said));
}

test("an inline style is seen where scripts are switched off", async () => {
  assert.match(await faults("/style", { js: false }), /policy was violated/);
});

test("a page that is too wide is seen", async () => {
  const visitor = await visit(browser, origin);
  await visitor.go("/wide");
  await assert.rejects(visitor.fits(), /320|390/);
  await visitor.leave();
});

test("a field without a name is seen, and a good page passes", async () => {
  const visitor = await visit(browser, origin);
  await visitor.go("/axe");
  assert.match((await accessible(visitor.page)).join("\n"), /label/);
  await visitor.go("/good");
  assert.deepEqual(await accessible(visitor.page), []);
  await visitor.leave();
});
