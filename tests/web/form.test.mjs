// The order form when buyers are impatient, networks fail, and the shop changes under an open page.

import test, { after, before, describe } from "node:test";
import assert from "node:assert/strict";
import { launch, visiting } from "./lib/browser.mjs";
import { openShop } from "./lib/shop.mjs";

let shop, browser;
before(async () => {
  [shop, browser] = await Promise.all([openShop(), launch()]);
});
after(() => Promise.all([browser?.close(), shop?.stop()]));

const held = async (product) => (await shop.stock(product)).held;

async function filled(visitor, product) {
  await visitor.go(`/p/${product}`);
  await visitor.write("#contact", "buyer@example.com");
}

describe("one wish is one order", () => {
  test("two clicks", async () => {
    await shop.product("clicks");
    await visiting(browser, shop.origin, {}, async (v) => {
      await filled(v, "clicks");
      const moved = v.page.waitForNavigation();
      await v.page.$eval("#place-order", (button) => {
        button.click();
        button.click();
        button.form.requestSubmit();
      });
      await moved;
      await v.stage("awaiting");
      assert.equal(await held("clicks"), 1);
    });
  });

  test("the net is gone: the page says so, everything typed is there, and the retry makes one order", async () => {
    await shop.product("gone");
    await visiting(browser, shop.origin, {}, async (v) => {
      await filled(v, "gone");
      await v.offline(true);
      await v.page.click("#place-order");
      await v.page.waitForSelector("#order-form #offline", { visible: true });
      assert.equal(await v.text("#order-form #offline"), "网络不通，请检查后重试。你的填写都还在。");
      assert.equal(await v.page.$eval("#contact", (input) => input.value), "buyer@example.com");
      await v.fits();
      await v.offline(false);
      await v.follow("#place-order");
      await v.stage("awaiting");
      assert.equal(await held("gone"), 1);
    });
  });

  test("the answer is lost on its way back: the retry finds the order that was made", async () => {
    await shop.product("lost");
    await visiting(browser, shop.origin, {}, async (v) => {
      await filled(v, "lost");
      const lost = new Promise((done) => {
        v.session.once("Fetch.requestPaused", async ({ requestId }) => {
          await v.session.send("Fetch.failRequest", { requestId, errorReason: "ConnectionReset" });
          await v.session.send("Fetch.disable");
          done();
        });
      });
      v.isOffline = true;
      await v.session.send("Fetch.enable", { patterns: [{ urlPattern: "*/p/lost", requestStage: "Response" }] });
      await v.page.click("#place-order");
      await lost;
      await v.page.waitForSelector("#order-form #offline", { visible: true });
      assert.equal(await held("lost"), 1, "the shop had made the order");
      await v.follow("#place-order");
      await v.stage("awaiting");
      assert.equal(await held("lost"), 1, "and makes no second one");
    });
  });

  test("without scripts: the same form sent twice is one order", async () => {
    await shop.product("twice");
    await visiting(browser, shop.origin, { js: false }, async (v) => {
      await filled(v, "twice");
      const body = await v.page.$eval("#order-form", (form) => new URLSearchParams(new FormData(form)).toString());
      await v.follow("#place-order");
      const again = await fetch(`${shop.origin}/p/twice`, {
        method: "POST", body, redirect: "manual", headers: { "content-type": "application/x-www-form-urlencoded" },
      });
      assert.equal(again.headers.get("location"), `/o/${v.id()}`);
      assert.equal(await held("twice"), 1);
    });
  });

  test("whoever comes back after an order and orders again gets another", async () => {
    await shop.product("back");
    await visiting(browser, shop.origin, {}, async (v) => {
      await filled(v, "back");
      await v.follow("#place-order");
      await v.stage("awaiting");
      const first = v.id();
      await v.page.goBack({ waitUntil: "load" });
      await v.page.waitForSelector("#place-order:not([disabled])");
      if (!(await v.page.$eval("#contact", (input) => input.value))) await v.write("#contact", "buyer@example.com");
      await v.follow("#place-order");
      await v.stage("awaiting");
      assert.notEqual(v.id(), first);
      assert.equal(await held("back"), 2);
    });
  });
});

describe("the shop changes under an open form", () => {
  for (const js of [true, false]) {
    const how = js ? "with scripts" : "without scripts";
    const send = (v) => (js ? v.page.click("#place-order") : v.follow("#place-order"));

    test(`the price: the new one is told, and what was typed is there (${how})`, async () => {
      const product = await shop.product(`price-${js ? "a" : "b"}`);
      await visiting(browser, shop.origin, { js }, async (v) => {
        await filled(v, product);
        await shop.change(product, { price: { amount_minor: 3150, currency: "CNY" } });
        await send(v);
        await v.page.waitForSelector("#form-notice");
        assert.match(await v.text("#form-notice"), /价格已变为 ¥31\.50，请确认后再提交。/);
        assert.equal(await v.page.$eval("#contact", (input) => input.value), "buyer@example.com");
        if (js) assert.match(await v.text("#place-order"), /¥31\.50/);
        await v.fits();
        assert.equal(await held(product), 0);
        await v.follow("#place-order");
        await v.stage("awaiting");
        assert.match(await v.text("h1"), /¥31\.50/);
      });
    });

    test(`the stock: it is told to be gone (${how})`, async () => {
      const product = await shop.product(`stock-${js ? "a" : "b"}`, 1);
      await visiting(browser, shop.origin, { js }, async (v) => {
        await filled(v, product);
        await shop.order(product);
        await send(v);
        await v.page.waitForFunction(() => document.querySelector("main").textContent.includes("刚刚售罄，没有扣款。"));
        await v.fits();
      });
    });

    test(`not enough is left: the page says so, with a quantity that fits (${how})`, async () => {
      const product = await shop.product(`few-${js ? "a" : "b"}`, 3);
      await visiting(browser, shop.origin, { js }, async (v) => {
        await filled(v, product);
        await v.write("#quantity", "3");
        await shop.order(product);
        await send(v);
        await v.page.waitForFunction(() => document.querySelector("main").textContent.includes("只剩 2 件"));
        assert.equal(await v.page.$eval("#quantity", (input) => input.value), "2");
        await v.follow("#place-order");
        await v.stage("awaiting");
        assert.match(await v.text("h1"), /¥59\.40/);
      });
    });
  }
});

test("a wrong contact is told under its field, and the amount stays right", async () => {
  await shop.product("mail", 5, { contact_kind: "email" });
  await visiting(browser, shop.origin, {}, async (v) => {
    await v.go("/p/mail");
    await v.write("#quantity", "3");
    await v.write("#contact", "nobody");
    await v.page.click("#place-order");
    await v.page.waitForSelector("#contact-e", { visible: true });
    assert.match(await v.text("#contact-e"), /邮箱格式不对/);
    assert.equal(await v.page.evaluate(() => document.activeElement.id), "contact");
    assert.equal(await v.page.$eval("#contact", (input) => input.getAttribute("aria-invalid")), "true");
    assert.match(await v.text("#place-order"), /¥89\.10/);
    await v.fits();
    assert.equal(await held("mail"), 0);
  });
});
