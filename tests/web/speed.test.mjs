// How long a buyer waits: from the press of the gateway's button to the key on the open page. Printed, not judged.

import test, { after, before } from "node:test";
import assert from "node:assert/strict";
import { launch, visiting } from "./lib/browser.mjs";
import { openShop } from "./lib/shop.mjs";

const ORDERS = 50;

let shop, browser;
before(async () => {
  [shop, browser] = await Promise.all([openShop(), launch()]);
  await shop.product("fast", 2 * ORDERS + 10);
});
after(() => Promise.all([browser?.close(), shop?.stop()]));

function describe(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share) => Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, slowest ${at(1)} ms, ${sorted.length} orders`;
}

test("pressed at the gateway → the key is visible on the open page", async () => {
  const times = [];
  const keys = new Set();
  let next = 0;
  // Two buyers at once, each in a browser window of their own.
  const buyer = () =>
    visiting(browser, shop.origin, {}, async (v) => {
      for (let n = next++; n < ORDERS; n = next++) {
        times.push(await buy(v, n));
        keys.add(await v.key());
      }
    });
  await Promise.all([buyer(), buyer()]);
  assert.equal(times.length, ORDERS);
  assert.equal(keys.size, ORDERS, "every order has a key of its own");
  console.log(`order → key in the browser: ${describe(times)}`);
});

// Orders, pays, and answers how long the key took, by the clock of the browser.
async function buy(v, n) {
  await v.go("/p/fast");
  await v.page.$eval("#contact", (input, n) => (input.value = `buyer${n}@example.com`), n);
  await v.follow("#place-order");
  await v.stage("awaiting");
  const pressed = await shop.gateway(await v.page.$eval("a#pay", (link) => link.href));
  // Pages are not opened at the moment of the press: each is somewhere else between two of its questions.
  await new Promise((done) => setTimeout(done, (n * 137) % 1900));
  const began = await v.page.evaluate(() => {
    window.shown = new Promise((done) => {
      const look = () => {
        const key = document.querySelector(".key");
        if (key?.textContent && key.checkVisibility()) done(performance.now());
        else requestAnimationFrame(look);
      };
      look();
    });
    return performance.now();
  });
  await pressed("pay");
  return (await v.page.evaluate(() => window.shown)) - began;
}

test("the same without a browser, for comparison", async () => {
  const times = [];
  for (let n = 0; n < ORDERS; n++) {
    const order = await shop.order("fast");
    const pressed = await shop.gateway(order.pay);
    const began = performance.now();
    await pressed("pay");
    for (;;) {
      const answer = await fetch(`${shop.origin}/api/orders/${order.id}/keys`, { headers: { authorization: `Bearer ${order.token}` } });
      if (answer.ok) break;
      await new Promise((done) => setTimeout(done, 10));
    }
    times.push(performance.now() - began);
  }
  console.log(`order → key by the API:    ${describe(times)}`);
});
