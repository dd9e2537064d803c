// Those of the designer's questions that a program can answer, by their numbers. `inspect` runs in the page and answers faults.

// The pages a question is asked of.
const starts = (...names) => ({ name }) => names.some((start) => name === start || name.startsWith(`${start}-`));
const isPay = ({ stage, name }) => stage === "awaiting" && !/locked|unlock/.test(name);

export const QUESTIONS = {
  1: "nothing sticks out at the right, also at 320 px",
  2: "exactly one filled button",
  3: "no text under 12 px, running text 14, inputs 16",
  4: "what is tapped is 44 × 44, and 8 px apart",
  6: "two weights and five sizes of type at most",
  7: "every state word has an icon",
  8: "dark: no white surface but the code, contrast",
  10: "amounts have currency and two decimals, in even digits",
  11: "the shop's name comes first; header, footer, support",
  12: "no pop-up, no overlay",
  13: "four products above 640 px, each with price, stock, delivery",
  14: "a name of forty characters is readable in full",
  15: "price, stock, quantity, contact and button above 640 px",
  16: "optional fields folded, three open inputs at most",
  17: "the error stands under its field, with an icon; the amount is right",
  18: "the amount is the largest text; time, badge and button above 640 px",
  19: "the code is 208 px, black on white, with its margin, and nothing on it",
  20: "phone: the app's button above the code; desktop: none",
  21: "“I have paid” and “other method” are visible; three steps at most",
  22: "inside WeChat: no way to its rival, a hint and a link to copy",
  23: "exactly the words of the table, two buttons at most",
  24: "key, copy button and download above 640 px; usage text",
  25: "many and long keys: whole, and counted",
  26: "locked: no secret, and the way in above 640 px",
};

// Which questions a page is asked.
export function asked(entry, { size }) {
  const { name } = entry;
  const isPhone = size === "phone";
  const all = [1, 2, 3, 6, 7, 10, 11, 12];
  if (isPhone) all.push(4);
  if (name === "shop" && isPhone) all.push(13);
  if (name === "shop" || name === "product-long") all.push(14);
  if (name === "product" && isPhone) all.push(15);
  if (name === "product") all.push(16);
  if (name === "form-error") all.push(17);
  if (isPay(entry)) all.push(18, 21);
  if (["alipay", "alipay-second", "usdt"].includes(name) || (name === "wechat" && !isPhone)) all.push(19);
  if (name === "alipay") all.push(20);
  if (name === "inside-wechat-alipay" && isPhone) all.push(22);
  if (/^(delivered|keys)$/.test(name) && isPhone) all.push(24);
  if (/^(delivered|keys)-(5|50|lines|long|accounts?)$/.test(name)) all.push(25);
  if (starts("locked")(entry) && isPhone) all.push(26);
  return all;
}

// How many filled buttons there should be, at least.
export function filled({ name, stage }) {
  if (/locked|unlock/.test(name)) return 1;
  if (["no_code", "expired", "cancelled", "delivered", "refund_due"].includes(stage) || stage === "awaiting") return 1;
  if (stage) return 0;
  if (/^(shop|terms|shop-category|shop-found|shop-empty|shop-closed)$/.test(name)) return 0;
  if (name === "product-sold-out" || name === "form-sold-out") return 0;
  return 1;
}

// Runs in the page.
export function inspect({ questions, name, stage, least, lang, size }) {
  const FOLD = 640;
  const found = {};
  const shown = (e) => {
    if (!e || !e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) return false;
    const { width, height } = e.getBoundingClientRect();
    // What is kept for those who hear the page is one pixel large.
    return width > 1 && height > 1 && !e.closest(".vh, .skip");
  };
  const all = (selector, root = document) => [...root.querySelectorAll(selector)].filter(shown);
  const one = (selector) => all(selector)[0];
  const say = (e) => `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ""}${typeof e.className === "string" && e.className ? `.${e.className.trim().replaceAll(/\s+/g, ".")}` : ""} “${(e.getAttribute("aria-label") ?? e.textContent ?? "").replaceAll(/\s+/g, " ").trim().slice(0, 24)}”`;
  const bottom = (e) => e.getBoundingClientRect().bottom + scrollY;
  const above = (e, what) => (!e ? [`${what}: not there`] : bottom(e) > FOLD ? [`${what} ends at ${Math.round(bottom(e))} px`] : []);
  // Text as people see it: each node with the element that styles it.
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() && !["SCRIPT", "STYLE", "NOSCRIPT"].includes(e.tagName) && shown(e)) {
      texts.push({ text: walker.currentNode.data, e, style: getComputedStyle(e) });
    }
  }
  const px = (style) => Math.round(parseFloat(style.fontSize) * 10) / 10;
  const ask = {
    2() {
      const buttons = all(".b-1");
      if (buttons.length > 1) return [`${buttons.length}: ${buttons.map(say).join(", ")}`];
      return buttons.length < least ? ["none"] : [];
    },
    3() {
      const small = texts.filter(({ style }) => px(style) < 12).map(({ e, style }) => `${px(style)} px ${say(e)}`);
      const running = all("main p, main li, main dd, main label, main h2").filter((e) => !e.closest(".cap, .f-o, .facts, .steps, .sub, .g") && texts.some((t) => t.e === e && px(t.style) < 14));
      const inputs = all("input:not([type=radio]):not([type=checkbox]), select, textarea").filter((e) => px(getComputedStyle(e)) < 16);
      return [...small, ...running.map((e) => `under 14 px: ${say(e)}`), ...inputs.map((e) => `input under 16 px: ${say(e)}`)];
    },
    4() {
      const targets = all("a[href], button:not([disabled]), input:not([type=hidden]), select, summary, [role=button]")
        .map((e) => (e.matches("[type=radio], [type=checkbox]") ? (e.closest("label") ?? e) : e))
        // A link inside a sentence is as high as its line; so says also WCAG 2.5.8.
        .filter((e) => !(e.tagName === "A" && getComputedStyle(e).display === "inline" && [...e.parentElement.childNodes].some((n) => n !== e && n.nodeType === 3 && n.data.trim())));
      const rects = targets.map((e) => ({ e, r: e.getBoundingClientRect() }));
      const out = rects.filter(({ r }) => r.width < 43.5 || r.height < 43.5).map(({ e, r }) => `${Math.round(r.width)} × ${Math.round(r.height)}: ${say(e)}`);
      const inList = (a, b) => ["ul.rows", ".ds", ".folds", "ol.list", ".faq"].some((list) => a.closest(list) && a.closest(list) === b.closest(list));
      for (let i = 0; i < rects.length; i++) {
        for (let j = i + 1; j < rects.length; j++) {
          const [a, b] = [rects[i], rects[j]];
          if (a.e.contains(b.e) || b.e.contains(a.e) || inList(a.e, b.e)) continue;
          // What a summary opens belongs to it.
          if (a.e.tagName === "SUMMARY" && a.e.parentElement.contains(b.e)) continue;
          // What sticks to the edge of the window lies over whatever is scrolled under it.
          if (a.e.closest(".pay-bar") || b.e.closest(".pay-bar")) continue;
          const dx = Math.max(a.r.left, b.r.left) - Math.min(a.r.right, b.r.right);
          const dy = Math.max(a.r.top, b.r.top) - Math.min(a.r.bottom, b.r.bottom);
          if (Math.max(dx, dy) < 7.5) out.push(`${Math.round(Math.max(dx, dy))} px between ${say(a.e)} and ${say(b.e)}`);
        }
      }
      return out;
    },
    6() {
      const own = texts.filter(({ e }) => !e.closest(".md"));
      const sizes = [...new Set(own.map(({ style }) => px(style)))].sort((a, b) => a - b);
      const weights = [...new Set(own.map(({ style }) => style.fontWeight))];
      return [...(sizes.length > 5 ? [`sizes ${sizes}`] : []), ...(weights.length > 2 ? [`weights ${weights}`] : [])];
    },
    7: () => all(".g").filter((e) => !e.querySelector("svg")).map(say),
    8() {
      const white = all("body *").filter((e) => getComputedStyle(e).backgroundColor === "rgb(255, 255, 255)" && !e.closest(".qr") && e.id !== "qr");
      return white.map((e) => `white: ${say(e)}`);
    },
    10() {
      const out = [];
      for (const { text, e, style } of texts) {
        if (e.closest(".md, .brief, textarea, .notice, .name") || !/[¥₮]|US\$|€/.test(text) || /^[¥₮]$/.test(text.trim())) continue;
        for (const amount of text.match(/[¥₮€]\s?\d[\d,]*(?:\.\d+)?/g) ?? []) if (!/^[¥€]\s?[\d,]+\.\d\d$/.test(amount)) out.push(`${amount} in ${say(e)}`);
        // In a sentence there is no column to line up with.
        const stands = /^[¥€][\d,.]+$/.test(e.textContent.trim().replace(/^CN/, ""));
        if (stands && !style.fontVariantNumeric.includes("tabular-nums")) out.push(`uneven digits: ${say(e)}`);
      }
      return out;
    },
    11() {
      const out = [];
      const shop = document.querySelector("header .brand span:last-child")?.textContent.trim();
      const first = texts.filter(({ e }) => !e.closest("[aria-hidden=true]"))[0];
      if (!shop || first?.text.trim() !== shop) out.push(`the first text is “${first?.text.trim()}”`);
      if (!one("footer")) out.push("no footer");
      if (!document.querySelector("footer")?.textContent.includes("help@example.com")) out.push("no support in the footer");
      if (document.querySelectorAll("h1").length !== 1) out.push(`${document.querySelectorAll("h1").length} h1`);
      return out;
    },
    12() {
      const over = all("body *").filter((e) => {
        const { position } = getComputedStyle(e);
        const { width, height } = e.getBoundingClientRect();
        return position === "fixed" && width * height > 0.3 * innerWidth * innerHeight;
      });
      return [...all("dialog[open], [role=dialog], [aria-busy=true], .spinner"), ...over].map(say);
    },
    13() {
      // The banner of the test mode is in no real shop.
      const banner = one("#sandbox")?.getBoundingClientRect().height ?? 0;
      const rows = all(".wares li").filter((e) => bottom(e) - banner <= FOLD);
      const out = rows.length < 4 ? [`${rows.length} rows`] : [];
      for (const row of rows) {
        const [zh, en] = [/自动发货|人工发货/, /deliver|automatic|instant|by hand|manual/i];
        if (!/¥[\d,]+\.\d\d/.test(row.textContent)) out.push(`no price: ${say(row)}`);
        if (!(lang === "zh" ? zh : en).test(row.textContent)) out.push(`no delivery: ${say(row)}`);
        if (!/库存|仅剩|有货|售罄|stock|left|sold out/i.test(row.textContent)) out.push(`no stock: ${say(row)}`);
      }
      return out;
    },
    14() {
      const names = all(".wares .name, h1").filter((e) => e.textContent.trim().length >= 40);
      if (!names.length) return ["no such name"];
      const cut = names.filter((e) => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1);
      const prices = all(".wares .price, .cost").filter((e) => e.getBoundingClientRect().right > innerWidth);
      return [...cut.map((e) => `cut: ${say(e)}`), ...prices.map((e) => `pushed out: ${say(e)}`)];
    },
    15() {
      const button = one("#place-order");
      const amount = /¥\d+\.\d\d/.test(button?.textContent ?? "") ? [] : [`the button says “${button?.textContent}”`];
      const fixed = button && getComputedStyle(button.closest(".pay-bar") ?? button).position;
      // A bar that sticks to the window's edge is always in view.
      const reach = fixed === "sticky" || fixed === "fixed" ? [] : above(button, "button");
      return [...above(one(".cost"), "price"), ...above(one(".badges"), "stock"), ...above(one("#quantity"), "quantity"), ...above(one("#contact"), "contact"), ...reach, ...amount];
    },
    16() {
      const open = all("#order-form input:not([type=hidden]):not([type=radio])");
      const folded = ["#query_password", "#coupon"].filter((id) => one(id));
      return [...(open.length > 3 ? [`${open.length} inputs`] : []), ...folded.map((id) => `${id} is open`)];
    },
    17() {
      const [input, error] = [one("#contact"), one("#contact-e")];
      if (!input || !error) return ["no error under the field"];
      const out = [];
      const gap = error.getBoundingClientRect().top - input.getBoundingClientRect().bottom;
      if (gap < 0 || gap > 24) out.push(`${gap} px under its field`);
      if (!error.querySelector("svg") || !error.textContent.trim()) out.push("no icon or no words");
      if (input.value !== "buyer#example.com") out.push("the value is lost");
      if (!/¥204\.00/.test(one("#place-order")?.textContent ?? "")) out.push(`the amount: ${one("#place-order")?.textContent}`);
      if (input.getAttribute("aria-invalid") !== "true" || !input.getAttribute("aria-describedby")?.includes("contact-e")) out.push("not linked");
      return out;
    },
    18() {
      const amount = one(".amount");
      if (!amount) return ["no amount"];
      const largest = Math.max(...texts.map(({ style }) => px(style)));
      const out = px(getComputedStyle(amount)) < largest ? [`${px(getComputedStyle(amount))} px, the largest is ${largest}`] : [];
      if (size !== "phone") return out;
      return [...out, ...above(one("#clock"), "time"), ...above(one("#order .g"), "badge"), ...above(one(".b-1"), "primary action")];
    },
    19() {
      const code = one("#qr");
      if (!code) return ["no code"];
      const out = [];
      const rect = code.getBoundingClientRect();
      if (rect.width < 208) out.push(`${rect.width} px wide`);
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [code.naturalWidth, code.naturalHeight];
      const pen = canvas.getContext("2d");
      pen.drawImage(code, 0, 0);
      const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
      const dark = (x, y) => data[4 * (y * width + x)] < 128;
      const row = [...Array(height).keys()].find((y) => [...Array(width).keys()].some((x) => dark(x, y)));
      const from = [...Array(width).keys()].find((x) => dark(x, row));
      const end = [...Array(width).keys()].find((x) => x > from && !dark(x, row));
      const module = (end - from) / 7;
      const pad = parseFloat(getComputedStyle(code).paddingLeft) / (rect.width / width);
      if ((from + pad) / module < 3.9) out.push(`a margin of ${((from + pad) / module).toFixed(1)} modules`);
      const scale = (rect.width / width) * module;
      if (scale < 3.95) out.push(`${scale.toFixed(1)} px a module`);
      if (data[0] !== 255 || data[1] !== 255 || data[2] !== 255) out.push("not on white");
      code.scrollIntoView({ block: "center" });
      const at = code.getBoundingClientRect();
      for (const [fx, fy] of [[0.1, 0.1], [0.5, 0.5], [0.9, 0.9], [0.1, 0.9], [0.9, 0.1]]) {
        const over = document.elementFromPoint(at.left + fx * at.width, at.top + fy * at.height);
        if (over && over !== code && !over.contains(code)) out.push(`under ${say(over)}`);
      }
      scrollTo(0, 0);
      if (!code.alt) out.push("no text for those who do not see it");
      return out;
    },
    20() {
      const [button, code] = [one("#pay"), one("#qr")];
      if (size !== "phone") return button ? [`a button: ${say(button)}`] : [];
      if (!button) return ["no button"];
      return code && bottom(button) > code.getBoundingClientRect().top + scrollY ? ["the code is above the button"] : [];
    },
    21() {
      const out = [];
      if (!one("#check")) out.push("no “I have paid”");
      if (document.querySelector("#others") && !one("#others summary")) out.push("no “other method”");
      if (all(".how li").length > 3) out.push("more than three steps");
      return out;
    },
    22() {
      const out = [];
      if (one("#pay")) out.push(`a way out: ${one("#pay").href}`);
      const text = document.querySelector("#order").textContent;
      if (!(lang === "zh" ? /右上角 ··· → 在浏览器打开/ : /Open in browser/).test(text)) out.push("no hint");
      const link = all(".banner .copy-v").find((e) => /^https?:/.test(e.textContent));
      if (!link) out.push("no link");
      else if (!link.parentElement.querySelector("button")) out.push("nothing copies the link");
      return out;
    },
    24() {
      const out = [...above(one(".key"), "key")];
      const copy = all("#keys button").find((e) => /复制|Copy/.test(e.textContent));
      out.push(...above(copy, "copy button"), ...above(one('a[href$="/keys.txt"]'), "download"));
      if (copy && copy.getBoundingClientRect().height < 47.5) out.push(`the copy button is ${copy.getBoundingClientRect().height} px high`);
      if (!one("#how .md")) out.push("no usage text");
      return out;
    },
    25() {
      const out = [];
      const keys = [...document.querySelectorAll(".key")];
      const count = { 5: 5, 50: 50, accounts: 3 }[name.split("-")[1]] ?? 1;
      if (keys.length !== count) out.push(`${keys.length} keys instead of ${count}`);
      if (count > 1 && !new RegExp(`${count}\\s*(条|keys)`).test(document.querySelector("#keys").textContent)) out.push("the total is not said");
      for (const key of keys.filter(shown)) {
        const style = getComputedStyle(key);
        if (key.getBoundingClientRect().right > innerWidth) out.push(`sticks out: ${say(key)}`);
        if (style.textOverflow === "ellipsis" && key.scrollWidth > key.clientWidth) out.push(`cut: ${say(key)}`);
        if (key.scrollWidth > key.clientWidth + 1 && style.overflowX !== "auto") out.push(`does not wrap: ${say(key)}`);
      }
      return out;
    },
    26() {
      const html = document.documentElement.innerHTML;
      const out = ["buyer@example.com", 'class="key"', "?t="].filter((secret) => html.includes(secret)).map((secret) => `shows ${secret}`);
      return [...out, ...above(one('form[action$="/unlock"] button'), "the way in")];
    },
  };
  for (const question of questions) if (ask[question]) found[question] = ask[question]();
  const visible = (selector) => all(selector).map((e) => e.textContent.replaceAll(/\s+/g, " ").trim());
  const root = document.querySelector("#order") ?? document.querySelector("main");
  found.said = {
    badge: all(".g", root)[0]?.textContent.trim() ?? "",
    // Only what is seen: hidden lines belong to other states.
    text: texts.filter(({ e }) => root.contains(e)).map(({ text }) => text).join("").concat(" ", [...root.querySelectorAll("p, h1, b, dd, li")].filter(shown).map((e) => e.textContent).join(" ")),
    buttons: visible("main a.b, main button, main summary.b"),
    actions: stage && stage !== "awaiting" ? all(".state .b, .state summary.b").filter((e) => !e.closest("details:not([open]) ul")).map(say) : [],
  };
  return found;
}
