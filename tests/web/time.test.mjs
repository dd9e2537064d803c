// The end of a hold, watched on an open page, and money that comes after it.

import test, { after, before } from "node:test";
import assert from "node:assert/strict";
import { launch, visiting } from "./lib/browser.mjs";
import { openShop } from "./lib/shop.mjs";

let shop, browser;
before(async () => {
  [shop, browser] = await Promise.all([openShop({ HOLD_SECONDS: 4, TICK_SECONDS: 1 }), launch()]);
});
after(() => Promise.all([browser?.close(), shop?.stop()]));

async function order(visitor, product) {
  await visitor.go(`/p/${product}`);
  await visitor.write("#contact", "buyer@example.com");
  await visitor.follow("#place-order");
  await visitor.stage("awaiting");
  return visitor.page.$eval("a#pay", (link) => link.href);
}

test("time runs out on the open page: no code, no red, and a way on", async () => {
  await shop.product("runs-out", 2);
  await visiting(browser, shop.origin, {}, async (v) => {
    await order(v, "runs-out");
    // Either the page's own word at 0:00 or already the server's: what must be gone is what leads to paying.
    await v.page.waitForFunction(() => !document.querySelector("a#pay")?.checkVisibility());
    await v.stage("expired");
    assert.match(await v.text("#order"), /超过付款时间/);
    await v.fits();
    await v.page.click("#check");
    await v.page.waitForFunction(() => document.querySelector("#notice")?.textContent.includes("还没有收到这笔款"));
    await v.follow('a[href="/p/runs-out"]');
    assert.ok(await v.page.$("#order-form"));
  });
});

test("money that comes late is delivered while there is stock, on the page that is still open", async () => {
  await shop.product("late", 2);
  await visiting(browser, shop.origin, {}, async (v) => {
    const pressed = await shop.gateway(await order(v, "late"));
    await v.stage("expired");
    await pressed("pay");
    await v.page.bringToFront();
    await v.page.click("#check").catch(() => {});
    assert.match(await v.key(), /^LATE-KEY-/);
  });
});

test("money that comes late with nothing left goes back, and the page says so", async () => {
  await shop.product("none-left", 1);
  await visiting(browser, shop.origin, {}, async (v) => {
    const pressed = await shop.gateway(await order(v, "none-left"));
    await v.stage("expired");
    let quick;
    for (let tries = 0; !quick; tries++) {
      quick = await shop.order("none-left").catch((error) => {
        if (tries > 20) throw error;
      });
      if (!quick) await new Promise((done) => setTimeout(done, 250));
    }
    await (await shop.gateway(quick.pay))("pay");
    await pressed("pay");
    await v.page.reload({ waitUntil: "load" });
    await v.stage("refund_due");
    assert.match(await v.text("#order"), /将退款 ¥29\.70/);
    assert.match(await v.text("#order"), /付款到达时已售罄/);
    await v.fits();
    assert.equal(await v.hasKey(), false);
  });
});
