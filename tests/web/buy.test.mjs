// From the shop to the key, on a phone and on a desktop, with and without scripts; and what may happen on the way.

import test, { after, before, describe } from "node:test";
import assert from "node:assert/strict";
import { launch, visiting } from "./lib/browser.mjs";
import { openShop } from "./lib/shop.mjs";

let shop, browser;
before(async () => {
  [shop, browser] = await Promise.all([openShop(), launch()]);
  await shop.product("plain", 40, { category: "测试", instructions: "粘贴卡密并确认。" });
  await shop.product("other", 40, { category: "测试" });
});
after(() => Promise.all([browser?.close(), shop?.stop()]));

// The keys as the file gives them: without its mark, line by line.
async function file(visitor) {
  const text = await visitor.page.evaluate((id) => fetch(`/o/${id}/keys.txt`).then((answer) => answer.text()), visitor.id());
  return text.replace(/^\uFEFF/, "").trimEnd().split("\r\n");
}

async function order(visitor, product = "plain", contact = "buyer@example.com") {
  await visitor.go(`/p/${product}`);
  await visitor.write("#contact", contact);
  await visitor.follow("#place-order");
  await visitor.stage("awaiting");
  return visitor.id();
}

for (const size of ["phone", "desktop"]) {
  for (const js of [true, false]) {
    test(`${size}, ${js ? "with" : "without"} scripts: shop, product, order, gateway, key`, () =>
      visiting(browser, shop.origin, { size, js }, async (v) => {
        await v.go("/");
        await v.fits();
        await v.follow('a[href="/p/plain"]');
        await v.fits();
        await v.write("#contact", "buyer@example.com");
        await v.follow("#place-order");
        await v.stage("awaiting");
        await v.fits();
        assert.match(new URL(v.page.url()).pathname, /^\/o\/[0-9A-Z]+$/);
        const id = v.id();
        await v.follow("a#pay");
        assert.match(v.page.url(), /\/sandbox\//);
        await v.follow('button[name="do"][value="pay"]');
        assert.equal(v.id(), id, "the gateway leads back to the order");
        const key = await v.key();
        assert.match(key, /^PLAIN-KEY-\d{4}$/);
        await v.fits();
        assert.deepEqual(await file(v), [key]);
        // Whoever comes back finds it again.
        await v.go(`/o/${id}`);
        assert.equal(await v.key(), key);
      }));
  }
}

describe("while waiting", () => {
  test("the device that ordered sees the key at once, without touching the page", () =>
    visiting(browser, shop.origin, {}, async (v) => {
      const pressed = await shop.gateway(await pay(v));
      await pressed("pay");
      assert.match(await v.key(), /^PLAIN-KEY-/);
    }));

  test("“I have paid” says not yet, and finds money whose notice was lost", () =>
    visiting(browser, shop.origin, {}, async (v) => {
      const pressed = await shop.gateway(await pay(v));
      await v.page.click("#check");
      await v.page.waitForFunction(() => document.querySelector("#notice")?.textContent.includes("还没有收到这笔款"));
      await pressed("pay_lose_notice");
      await v.page.waitForSelector("#check:not([disabled])");
      await v.page.click("#check");
      assert.match(await v.key(), /^PLAIN-KEY-/);
    }));

  test("“I have paid” pressed again at once is told to wait", () =>
    visiting(browser, shop.origin, { js: false }, async (v) => {
      await order(v);
      await v.follow("#check");
      await v.follow("#check");
      assert.match(await v.text("#notice"), /刚查过，\d+ 秒后可再查。/);
      await v.stage("awaiting");
    }));

  for (const js of [true, false]) {
    test(`an order is given up, ${js ? "with" : "without"} scripts, and its stock is free at once`, () =>
      visiting(browser, shop.origin, { js }, async (v) => {
        const { free } = await shop.stock("other");
        await order(v, "other");
        assert.equal((await shop.stock("other")).free, free - 1);
        await v.page.$eval("#cancel", (details) => (details.open = true));
        const button = '#cancel form button, form[action$="/cancel"] button';
        if (js) await v.page.click(button);
        else await v.follow(button);
        await v.stage("cancelled");
        await v.fits();
        assert.equal((await shop.stock("other")).free, free);
      }));
  }

  test("offline: it says so, loses nothing, and goes on when the net is back", () =>
    visiting(browser, shop.origin, {}, async (v) => {
      const pressed = await shop.gateway(await pay(v));
      await v.offline(true);
      await v.page.waitForSelector("#offline", { visible: true });
      const words = await v.text("#offline");
      assert.match(words, /离线/);
      assert.match(words, /你已离线 · 以下是 \d\d:\d\d 的状态，联网后自动更新。卡密不会保存在本机。/);
      await v.stage("awaiting");
      await v.fits();
      await pressed("pay");
      await v.offline(false);
      const key = await v.key();
      await v.page.waitForSelector("#offline", { hidden: true });
      // What is shown stays shown when the net goes again.
      await v.offline(true);
      assert.equal(await v.key(), key);
      await v.offline(false);
    }));

  test("the net is gone without the browser noticing: a grey line, no dialog", () =>
    visiting(browser, shop.origin, {}, async (v) => {
      const pressed = await shop.gateway(await pay(v));
      v.isOffline = true;
      await v.session.send("Network.enable");
      await v.session.send("Network.setBlockedURLs", { urls: ["*part=main*"] });
      await v.page.waitForSelector("#gone", { visible: true });
      assert.match(await v.text("#gone"), /网络断开，恢复后自动更新。已付的款不会丢。/);
      await pressed("pay");
      await v.session.send("Network.setBlockedURLs", { urls: [] });
      assert.match(await v.key(), /^PLAIN-KEY-/);
    }));

  async function pay(visitor) {
    await order(visitor);
    return visitor.page.$eval("a#pay", (link) => link.href);
  }
});

describe("languages", () => {
  for (const js of [true, false]) {
    test(`the switch stays where it is pressed, ${js ? "with" : "without"} scripts`, () =>
      visiting(browser, shop.origin, { js }, async (v) => {
        await v.go("/p/plain");
        assert.equal(await v.page.$eval("html", (html) => html.lang), "zh-CN");
        await v.follow('form[action="/lang"] button');
        assert.equal(new URL(v.page.url()).pathname, "/p/plain");
        assert.equal(await v.page.$eval("html", (html) => html.lang), "en");
        assert.match(await v.text("#place-order"), /^Place order/);
        await v.fits();
        await v.follow('form[action="/lang"] button');
        assert.equal(await v.page.$eval("html", (html) => html.lang), "zh-CN");
      }));
  }

  test("an English buyer reads English from the shop to the key", () =>
    visiting(browser, shop.origin, { lang: "en" }, async (v) => {
      await order(v);
      assert.match(await v.text("h1"), /CN¥29\.70/);
      const pressed = await shop.gateway(await v.page.$eval("a#pay", (link) => link.href));
      await pressed("pay");
      await v.key();
      assert.match(await v.text("h1"), /Your key is ready/);
    }));
});
