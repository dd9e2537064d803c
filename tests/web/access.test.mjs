// Who sees what: the device that ordered, a second one, a stranger, and whoever looks the order up again.

import test, { after, before, describe } from "node:test";
import assert from "node:assert/strict";
import { launch, visit, visiting } from "./lib/browser.mjs";
import { openShop } from "./lib/shop.mjs";

const CONTACT = "secretive-buyer@example.com";
const PASSWORD = "correct horse";

let shop, browser, bought, coded;
before(async () => {
  [shop, browser] = await Promise.all([openShop(), launch()]);
  await shop.product("plain", 20);
  bought = await buy(PASSWORD);
  coded = await buy("");
});
after(() => Promise.all([browser?.close(), shop?.stop()]));

// Buys by the form, and keeps what the page tells its buyer.
async function buy(password) {
  const v = await visit(browser, shop.origin);
  await v.go("/p/plain");
  await v.write("#contact", CONTACT);
  if (password) await v.write("#query_password", password);
  await v.follow("#place-order");
  await v.stage("awaiting");
  const id = v.id();
  const link = await v.text("#link");
  const pressed = await shop.gateway(await v.page.$eval("a#pay", (a) => a.href));
  await pressed("pay");
  const key = await v.key();
  const code = (await v.page.$eval("main", (main) => main.textContent)).match(/取单码[^\d]*(\d{8})/)?.[1];
  v.isClean();
  return { visitor: v, id, link, key, code, password };
}

for (const js of [true, false]) {
  const how = js ? "with scripts" : "without scripts";

  test(`another device by link: the token leaves the address, the key is covered until it is asked for (${how})`, () =>
    visiting(browser, shop.origin, { js }, async (v) => {
      await v.go(bought.link);
      assert.equal(v.page.url(), `${shop.origin}/o/${bought.id}`);
      assert.equal(await v.page.$eval("html", (html) => html.innerHTML.includes("-KEY-")), false);
      await v.fits();
      const show = `form[action$="/o/${bought.id}/keys"] button`;
      if (js) await v.page.click(show);
      else await v.follow(show);
      assert.equal(await v.key(), bought.key);
      await v.fits();
      // From now on this device is trusted like the one that ordered.
      await v.go(`/o/${bought.id}`);
      assert.equal(await v.key(), bought.key);
      const cookies = await v.page.cookies(`${shop.origin}/o/${bought.id}`);
      assert.ok(cookies.filter(({ name }) => name.startsWith("o_")).every(({ httpOnly }) => httpOnly));
    }));

  for (const which of ["password", "collection code"]) {
    test(`a stranger sees no secret, and unlocks with contact and ${which} (${how})`, () =>
      visiting(browser, shop.origin, { js, size: js ? "phone" : "desktop" }, async (v) => {
        const order = which === "password" ? bought : coded;
        const word = order.password || order.code;
        assert.ok(word, "the page told no collection code");
        await v.go(`/o/${order.id}`);
        const html = await v.page.content();
        for (const secret of [CONTACT, order.key, "-KEY-", order.link.split("t=")[1]]) assert.ok(!html.includes(secret), `it shows ${secret}`);
        await v.fits();
        const unlock = 'form[action$="/unlock"]';
        await v.write(`${unlock} #contact`, CONTACT);
        await v.write(`${unlock} #query_password`, `${word}x`);
        await v.follow(`${unlock} button`);
        assert.match(await v.text("#notice"), /没有找到/);
        assert.equal(await v.hasKey(), false);
        await v.write(`${unlock} #contact`, CONTACT);
        await v.write(`${unlock} #query_password`, word);
        await v.follow(`${unlock} button`);
        assert.equal(await v.hasKey(), false, "covered");
        const show = `form[action$="/o/${order.id}/keys"] button`;
        if (js) await v.page.click(show);
        else await v.follow(show);
        assert.equal(await v.key(), order.key);
      }));
  }
}

test("no file and no page of keys for a stranger", async () => {
  for (const path of ["keys", "keys.txt"]) {
    const answer = await fetch(`${shop.origin}/o/${bought.id}/${path}`, { redirect: "manual" });
    assert.equal(answer.status, 303);
    assert.equal(answer.headers.get("location"), `/o/${bought.id}`);
  }
});

describe("looking up", () => {
  test("orders of this device stand there at once, without a token and without a key", async () => {
    const { visitor: v, id, key } = bought;
    await v.go("/lookup");
    await v.page.waitForSelector(`a[href="/o/${id}"]`);
    assert.ok(!(await v.page.content()).includes(key));
    await v.fits();
    await v.follow(`a[href="/o/${id}"]`);
    assert.equal(await v.key(), key);
    v.isClean();
  });

  for (const js of [true, false]) {
    const how = js ? "with scripts" : "without scripts";
    for (const [name, which, fields] of [
      ["contact and password", () => bought, () => ({ query_password: PASSWORD })],
      ["contact and collection code", () => coded, () => ({ query_password: coded.code })],
      // A password that the buyer set is asked for, whatever number they know.
      ["contact and order number", () => coded, () => ({ number: coded.id })],
      ["contact and the number in the bill", () => coded, async () => ({ number: await bill(coded.id) })],
    ]) {
      test(`by ${name} (${how})`, () =>
        visiting(browser, shop.origin, { js }, async (v) => {
          const order = which();
          await v.go("/lookup");
          await v.fits();
          await v.write("#lookup-form #contact", CONTACT);
          for (const [field, value] of Object.entries(await fields())) await v.write(`#lookup-form [name=${field}]`, value);
          await v.follow("#lookup-form button");
          const found = `a[href^="/o/${order.id}"]`;
          await v.page.waitForSelector(found);
          await v.fits();
          assert.ok(!(await v.page.content()).includes("-KEY-"));
          await v.follow(found);
          assert.equal(v.page.url(), `${shop.origin}/o/${order.id}`);
          assert.equal(await v.hasKey(), false, "covered");
          await v.page.waitForSelector(`form[action$="/o/${order.id}/keys"] button`);
        }));
    }
  }

  test("nothing is found by a wrong word, and the page says what to do", () =>
    visiting(browser, shop.origin, {}, async (v) => {
      await v.go("/lookup");
      await v.write("#lookup-form #contact", "nobody@example.com");
      await v.write("#lookup-form [name=query_password]", "not it at all");
      await v.follow("#lookup-form button");
      assert.match(await v.text("main"), /没有找到。请核对联系方式和密码/);
      assert.equal(await v.page.$eval("#lookup-form #contact", (input) => input.value), "nobody@example.com");
    }));

  // The number that a payment app writes in its bill: the attempt's, as the gateway shows it.
  async function bill(id) {
    const answer = JSON.stringify(await shop.call("GET", `/api/admin/orders/${id}`));
    const number = answer.match(new RegExp(`${id}[0-9A-Za-z]+`))?.[0];
    assert.ok(number, `no number of an attempt in ${answer}`);
    return number;
  }
});
