// One shop process of this machine, in memory, with its seller and its gateway as a program reaches them.

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import { createInterface } from "node:readline";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const built = (name) => resolve(root, process.env.CARGO_TARGET_DIR ?? "target", "debug", name);
const PASSWORD = "the-password-of-the-browser-tests";

// Starts a program and resolves with what its first fitting line says; it is ended by its own id when the test ends.
export async function run(name, args, env, read) {
  const child = spawn(built(name), args, { env: { ...process.env, RUST_BACKTRACE: "0", ...env }, stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise((done) => child.once("exit", done));
  let complaints = "";
  child.stderr.on("data", (text) => (complaints = (complaints + text).slice(-4000)));
  const stop = async () => {
    child.stdin.end();
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  };
  const lines = createInterface({ input: child.stdout });
  const said = await new Promise((done, fail) => {
    child.once("error", fail);
    ended.then((code) => fail(new Error(`${name} ended with ${code}\n${complaints}`)));
    lines.on("line", (line) => {
      const found = read(line);
      if (found) done(found);
    });
  });
  return { said, stop, child };
}

// A shop of its own. `options` are names of the environment without their beginning, such as `HOLD_SECONDS`.
export async function openShop(options = {}) {
  const env = { KAMIVEND_DATA: ":memory:", KAMIVEND_ADMIN_PASSWORD: PASSWORD, KAMIVEND_PORT: "0", RUST_LOG: "warn" };
  env.KAMIVEND_OPEN_ORDERS_PER_CONTACT = env.KAMIVEND_OPEN_ORDERS_PER_ADDRESS = "0";
  for (const [name, value] of Object.entries(options)) env[`KAMIVEND_${name}`] = String(value);
  const { said: origin, stop } = await run("kamivend", [], env, (line) => line.match(/open at (\S+)/)?.[1]);
  const shop = new Shop(origin, stop);
  await shop.signIn();
  return shop;
}

class Shop {
  constructor(origin, stop) {
    this.origin = origin;
    this.stop = stop;
    this.made = 0;
  }

  async signIn() {
    const answer = await this.call("POST", "/api/admin/login", { username: "admin", password: PASSWORD });
    this.token = answer.token ?? answer.access_token;
    if (!this.token) throw new Error(`no token in ${JSON.stringify(answer)}`);
  }

  // A request of the seller, or of a buyer's program, that must be granted.
  async call(method, path, body, headers = {}) {
    const isText = typeof body === "string";
    if (this.token && path.startsWith("/api/admin/")) headers.authorization = `Bearer ${this.token}`;
    headers["content-type"] ??= isText ? "text/plain" : "application/json";
    const answer = await fetch(this.origin + path, { method, headers, body: isText ? body : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : {};
  }

  // Puts a product with cards on sale. The cards carry the product's id, so that a key can be told.
  async product(id, cards = 5, more = {}) {
    await this.call("POST", "/api/admin/products", {
      id, name: `测试商品 ${id}`, kind: "single_use_key", price: { amount_minor: 2970, currency: "CNY" }, channels: ["sandbox"], ...more,
    });
    if (cards) await this.cards(id, Array.from({ length: cards }, (_, n) => `${id.toUpperCase()}-KEY-${String(n + 1).padStart(4, "0")}`));
    return id;
  }

  cards(id, lines) {
    return this.call("POST", `/api/admin/products/${id}/cards`, lines.join("\n"));
  }

  change(id, what) {
    return this.call("PATCH", `/api/admin/products/${id}`, what);
  }

  // How many cards are free, held, sold.
  stock(id) {
    return fetch(`${this.origin}/api/admin/products/${id}/cards`, { headers: { authorization: `Bearer ${this.token}` } }).then((r) => r.json());
  }

  // An order made by a program.
  async order(product, more = {}) {
    const key = `an-order-of-a-browser-test-${process.pid}-${++this.made}`;
    const wish = { product, quantity: 1, contact: "buyer@example.com", channel: "sandbox", ...more };
    const answer = await this.call("POST", "/api/orders", wish, { "idempotency-key": key });
    const id = answer.order.id;
    return { id, token: answer.order_token, link: `${this.origin}/o/${id}?t=${answer.order_token}`, pay: answer.payment.content ?? answer.payment.url };
  }

  // Opens the gateway's page, so that the gateway knows the trade, and answers what presses a button of it.
  async gateway(address) {
    const page = await (await fetch(address)).text();
    const action = page.match(/<form method="post" action="([^"]+)"/)?.[1];
    if (!action) throw new Error(`no form at the gateway: ${page.slice(0, 300)}`);
    const url = new URL(action, this.origin);
    return async (button) => {
      const answer = await fetch(url, { method: "POST", body: new URLSearchParams({ do: button }), redirect: "manual" });
      if (answer.status !== 303) throw new Error(`the gateway answered ${answer.status} to ${button}`);
    };
  }
}
