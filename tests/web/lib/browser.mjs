// A browser with a visitor in it, and somebody who watches: whatever a page may not do, in any test, fails that test.

import puppeteer from "puppeteer-core";
import { existsSync } from "node:fs";
import assert from "node:assert/strict";

const PROGRAMS = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export const SIZES = {
  phone: { width: 390, height: 844, isMobile: true, hasTouch: true, deviceScaleFactor: 1 },
  desktop: { width: 1280, height: 800, isMobile: false, hasTouch: false, deviceScaleFactor: 1 },
};

// Programs as they name themselves; the versions are of no importance.
const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";
export const AGENTS = {
  phone: `${IPHONE} Version/18.0 Mobile/15E148 Safari/604.1`,
  wechat: `${IPHONE} Mobile/15E148 MicroMessenger/8.0.50(0x1800322d) NetType/WIFI Language/zh_CN`,
  alipay: `${IPHONE} Mobile/15E148 AlipayClient/10.6.80 Language/zh-Hans`,
};

export function launch() {
  const executablePath = PROGRAMS.find((path) => path && existsSync(path));
  assert.ok(executablePath, "there is no Chromium on this machine");
  return puppeteer.launch({
    executablePath,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--force-color-profile=srgb", "--no-first-run", "--disable-component-update", "--disable-background-networking"],
  });
}

// What a visitor is: a device of its own with its own cookies.
export async function visit(browser, origin, { size = "phone", js = true, lang = "zh-CN", theme = "light", inside, watch = true } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport(SIZES[size]);
  const agent = AGENTS[inside ?? size];
  if (agent) await page.setUserAgent(agent);
  await page.setExtraHTTPHeaders({ "accept-language": lang === "en" ? "en" : "zh-CN,zh;q=0.9" });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: theme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await page.setJavaScriptEnabled(js);
  page.setDefaultTimeout(20_000);
  const visitor = new Visitor(context, page, origin);
  if (watch) await visitor.watch();
  return visitor;
}

// A visit that must end with nothing to complain about.
export async function visiting(browser, origin, options, story) {
  const visitor = await visit(browser, origin, options);
  try {
    await story(visitor);
    visitor.isClean();
  } finally {
    await visitor.leave();
  }
}

class Visitor {
  constructor(context, page, origin) {
    Object.assign(this, { context, page, origin, faults: [], isOffline: false });
  }

  fault(what) {
    this.faults.push(`${new URL(this.page.url(), this.origin).pathname}: ${what}`);
  }

  async watch() {
    const { page, origin } = this;
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(`${origin}/`) && url !== "about:blank") this.fault(`a request left the shop: ${url}`);
    });
    page.on("pageerror", (error) => this.fault(`a script failed: ${error.message}`));
    page.on("console", (message) => {
      if (message.type() !== "error" || this.isOffline) return;
      const text = message.text();
      // A refusal is an answer; a file of the page that is not there is a fault.
      const at = message.location()?.url ?? "";
      if (text.startsWith("Failed to load resource") && !/\/(assets|media)\/|\.png|\.ico/.test(at)) return;
      this.fault(`the console says: ${text} ${at}`);
    });
    // The page's own word, and the browser's, which is heard also when scripts are switched off.
    await page.exposeFunction("kamivendTold", (what) => this.fault(`the policy was violated: ${what}`)).catch(() => {});
    await page.evaluateOnNewDocument(() => {
      addEventListener("securitypolicyviolation", (e) => window.kamivendTold?.(`${e.violatedDirective} ${e.blockedURI}`), true);
    });
    const session = await page.createCDPSession();
    session.on("Audits.issueAdded", ({ issue }) => {
      const about = issue.details.contentSecurityPolicyIssueDetails;
      if (about) this.fault(`the policy was violated: ${about.violatedDirective} ${about.blockedURL ?? ""}`);
    });
    await session.send("Audits.enable");
    this.session = session;
  }

  isClean() {
    assert.deepEqual(this.faults, [], "pages did what they may not do");
  }

  async leave() {
    await this.context.close();
  }

  async go(path) {
    const answer = await this.page.goto(new URL(path, this.origin).href, { waitUntil: "load" });
    return answer?.status();
  }

  // Presses something and waits for the page it leads to.
  async follow(selector) {
    await this.page.waitForSelector(selector, { visible: true });
    await Promise.all([this.page.waitForNavigation({ waitUntil: "load" }), this.page.click(selector)]);
  }

  async write(selector, text) {
    await this.page.waitForSelector(selector);
    await this.page.$eval(selector, (input) => {
      input.closest("details")?.setAttribute("open", "");
      input.value = "";
    });
    await this.page.type(selector, text);
  }

  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent.trim());
  }

  // Waits until the order stands where it should.
  async stage(...names) {
    const selector = names.map((name) => `#order[data-stage="${name}"]`).join(",");
    await this.page.waitForSelector(selector).catch(async () => {
      const now = await this.page.$eval("#order", (order) => order.dataset.stage).catch(() => this.page.url());
      assert.fail(`the order is ${now}, not ${names}`);
    });
  }

  async key() {
    const found = await this.page.waitForSelector(".key", { visible: true });
    return found.evaluate((element) => element.textContent);
  }

  hasKey() {
    return this.page.$(".key").then(Boolean);
  }

  id() {
    return new URL(this.page.url()).pathname.split("/")[2];
  }

  async offline(isOffline) {
    if (isOffline) this.isOffline = true;
    await this.page.setOfflineMode(isOffline);
    if (!isOffline) setTimeout(() => (this.isOffline = false), 500);
  }

  // Nothing sticks out, at this width and at the narrowest.
  async fits() {
    for (const width of [this.page.viewport().width, 320]) {
      const before = this.page.viewport();
      if (width === 320 && !before.isMobile) continue;
      await this.page.setViewport({ ...before, width });
      const over = await this.page.evaluate(overflow);
      await this.page.setViewport(before);
      assert.deepEqual(over, [], `${this.page.url()} at ${width} px`);
    }
  }
}

// Runs in the page: what sticks out at the right edge, when anything does.
export function overflow() {
  const width = window.innerWidth;
  const whole = document.scrollingElement.scrollWidth;
  if (whole <= width) return [];
  const out = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > width + 1);
  return [`${whole} of ${width} px`, ...out.slice(0, 4).map((e) => `${e.tagName.toLowerCase()}${e.id ? "#" + e.id : ""}.${e.className.baseVal ?? e.className}`)];
}
