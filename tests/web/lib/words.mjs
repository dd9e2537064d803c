// The words of every row of the table of states, exactly. `{…}` stands for a value. The first of a list is the badge; what is
// empty is not looked at.

const pay = { zh: ["待付款", "请付款 {¥}", "库存已为你保留，剩余 {mm:ss}。"], en: ["Awaiting payment", "Pay {¥}", "Your stock is held for {mm:ss}."] };
const surplus = { zh: ["", "你多付了一笔 {¥}（{…} {…}），已登记退款。"], en: ["", "You paid {¥} twice ({…}, {…}). A refund is registered."] };
const wrong = { zh: ["", "收到 {¥}，应付 {¥}。已通知店家：补差价后发货，或全额退款。"], en: ["", "We received {¥} instead of {¥}. The shop will ask for the difference or refund."] };
const refunded = { zh: ["已退款", "已退 {¥}（实付 {¥}）", "{…}，退款单号 {…}。到账时间以支付平台为准。"], en: ["Refunded", "{¥} of {¥}", "{…}, reference {…}."] };
const due = (zh, en) => ({ zh: ["待退款", "将退款 {¥}", `原因：${zh}。原路退回，一般 1–3 个工作日。`, "[联系店家]"], en: ["Refund due", "{¥} will be refunded", `Reason: ${en}. To your payment account, usually 1–3 working days.`, "[Contact shop]"] });
const locked = (zh, en) => ({ zh: [zh, "为保护卡密，请验证这是你的订单", "输入联系方式和密码", "用下单时的链接打开"], en: [en, "To protect the key, show that this order is yours."] });
const delivered = { zh: ["已发货", "卡密已送达", "请尽快保存，不要转发给他人。"], en: ["Delivered", "Your key is ready", "Save it now and keep it private."] };

const by_name = {
  "awaiting": pay, "awaiting-two-ways": pay, "awaiting-hurry": pay, "awaiting-link": pay,
  "alipay": pay, "alipay-second": pay, "wechat": pay, "usdt": pay, "form": pay,
  "no-code": { zh: ["待付款", "支付宝暂时出不了码", "没有扣款。请换一种方式。", "[换一种方式]", "[重试]"], en: ["Awaiting payment", "Alipay can't make a code now", "Nothing was charged.", "[Other method]", "[Retry]"] },
  "checking": { zh: ["确认中", "正在确认最后一刻的付款…"], en: ["Checking", "Checking for a last-moment payment…"] },
  "paid": { zh: ["已付款", "收到付款，正在取卡", "一般 2 秒内完成，页面会自动更新。"], en: ["Paid", "Payment received, fetching your key", "Usually under 2 seconds."] },
  "paid-slow": { zh: ["已付款", "比平时慢一点", "款项已记录，卡密会自动送达。可以关闭页面，稍后用本页链接查看。", "[保存链接]"], en: ["Paid", "Taking longer than usual", "Your payment is recorded and the key will arrive by itself. You may close this page.", "[Save link]"] },
  "paid-alerted": { zh: ["已付款", "已提醒店家处理", "不用再付款。", "[联系店家]", "[保存链接]"], en: ["Paid", "The shop has been alerted", "Do not pay again.", "[Contact shop]"] },
  "manual": { zh: ["待发货", "等待店家发货", "一般 10 分钟内，服务时间 9:00–23:00。发货后本页自动更新。"], en: ["To be delivered", "The shop is preparing it", "Usually within 10 min, 9:00–23:00."] },
  "queued": { zh: ["排队中", "已付款，等待到货", "按付款先后自动发出，你排第 3 位。", "[申请退款]"], en: ["Queued", "Paid, waiting for stock", "Sent in order of payment; you are no. 3.", "[Ask for a refund]"] },
  "delivered": delivered, "delivered-5": delivered, "delivered-50": delivered, "delivered-lines": delivered,
  "delivered-long": delivered, "delivered-account": delivered, "delivered-accounts": delivered, "delivered-covered": delivered,
  // Nothing deletes a delivered order, so there is no day after which its keys cannot be seen.
  "completed": { zh: ["已完成", "交易完成", "卡密可随时查看。"], en: ["Completed", "Completed", "You can view the key at any time."] },
  "expired": { zh: ["已关闭", "超过付款时间", "没有扣款。如果刚付过款，点“我已付款”，我们会核实并补发或退款。", "[重新下单]", "[我已付款]"], en: ["Closed", "Time ran out", "Nothing was charged. Just paid? Press “I have paid”: we check, then deliver or refund.", "[Order again]", "[I have paid]"] },
  "cancelled": { zh: ["已关闭", "订单已取消", "没有扣款。", "[重新下单]"], en: ["Closed", "Order cancelled", "Nothing was charged.", "[Order again]"] },
  "late": { zh: ["处理中", "收到一笔超时付款 {¥}", "钱已记录。有货会自动补发，没货会退款，你不用做任何事。"], en: ["In progress", "A late payment of {¥} arrived", "It is recorded. We deliver if stock allows, else refund. Nothing to do."] },
  "refund-due": due("付款到达时已售罄", "sold out when the payment arrived"),
  "refund-due-seller": due("店家退款", "the shop gives the money back"),
  "refund-due-review": due("核对未通过", "the check was not passed"),
  "refund-due-by-hand": { zh: ["待退款", "店家将手动退款 {¥}", "请留意 buyer@example.com 的消息，也可主动联系店家并报单号 {…}。", "[联系店家]"], en: ["Refund due", "The shop will refund {¥} by hand", "Watch buyer@example.com, or contact the shop with order {…}.", "[Contact shop]"] },
  "refunded": refunded, "refunded-by-hand": refunded, "refunded-partly": refunded,
  "review": { zh: ["核对中", "款项已收到，店家正在核对", "一般 30 分钟内。通过后自动发卡，不通过全额退款。"], en: ["In review", "Payment received, the shop is checking", "Usually within 30 min. Then the key, or a full refund."] },
  "surplus": surplus, "wrong-amount": wrong, "wrong-amount-drawn": wrong,
  "locked": locked("待付款", "Awaiting payment"), "locked-delivered": locked("已发货", "Delivered"),
  "locked-refund-due": locked("待退款", "Refund due"), "locked-review": locked("核对中", "In review"),
  "check-not-yet": { zh: ["待付款", "测试支付还没有收到这笔款。刚付完请等 10 秒再点；请勿重复付款。"], en: ["Awaiting payment", "Test payment has no such payment yet. If you just paid, wait 10 s and press again. Do not pay twice."] },
  "check-no-answer": { zh: ["待付款", "测试支付没有回应。我们会继续自动核实，不用重新付款。"], en: ["Awaiting payment", "Test payment did not answer. We keep checking. No need to pay again."] },
  "check-too-soon": { zh: ["待付款", "刚查过，4 秒后可再查。"], en: ["Awaiting payment", "Just checked. Again in 4 s."] },
  "unlock-none": { zh: ["待付款", "没有找到。请核对联系方式和密码，或用付款账单里的“商户单号”查。"], en: ["Awaiting payment", "Not found. Check both fields, or use the merchant order number from your payment bill."] },
  "form-sold-out": { zh: ["", "刚刚售罄，没有扣款。"], en: ["", "It has just sold out. Nothing was charged."] },
  "form-only-left": { zh: ["", "只剩 2 件，已改为 2，请再次提交。"], en: ["", "Only 2 left. Quantity changed; submit again."] },
  "form-errors": { zh: ["", "每单 1–50 件。", "请填写邮箱。", "查询密码至少 6 位，也可以不填。"], en: ["", "1 to 50 per order.", "Enter your e-mail.", "At least 6 characters, or leave it empty."] },
  "form-error": { zh: ["", "邮箱格式不对，例如 name@example.com。"], en: ["", "Check the e-mail, for example name@example.com."] },
  "form-price": { zh: ["", "价格已变为 ¥47.50，请确认后再提交。"], en: ["", "The price is now CN¥47.50. Please confirm."] },
  "product-off-sale": { zh: ["", "商品已下架。"], en: ["", "No longer on sale."] },
  "form-channel": { zh: ["", "暂时不可用，请选其他方式。"], en: ["", "is unavailable. Choose another method."] },
  "form-too-fast": { zh: ["", "操作太快，请 30 秒后再试。"], en: ["", "Too fast. Try again in 30 s."] },
  "form-stale": { zh: ["", "页面放久了，已为你刷新，请再次提交。没有重复下单。"], en: ["", "The page was old and has been refreshed. Submit again; nothing was ordered twice."] },
  "lookup-none": { zh: ["", "没有找到。请核对联系方式和密码，或用付款账单里的“商户单号”查。"], en: ["", "Not found. Check both fields, or use the merchant order number from your payment bill."] },
  "lookup-locked": { zh: ["", "尝试次数过多，请 5 分钟后再试，或联系店家。"], en: ["", "Too many tries. Wait 5 min or contact the shop."] },
  "no-page": { zh: ["", "页面不存在", "[看商品]", "[查订单]"], en: ["", "No such page", "[Products]", "[My orders]"] },
  "no-order": { zh: ["", "没有这个订单，或链接不完整", "请完整复制链接，或用联系方式查询。"], en: ["", "No such order, or the link is cut off"] },
  // Of a trouble's sentence the first half is the headline.
  "failed": { zh: ["", "出了点问题", "已记录（编号 {…}）。已付的款不会丢，请稍后刷新。", "[刷新]", "[联系店家]"], en: ["", "Something failed", "ref {…}", "Money paid is safe. Please refresh shortly.", "[Refresh]"] },
  "key-unavailable": { zh: ["", "卡密暂时无法显示", "已记录，不影响你的订单。请 1 分钟后刷新。"], en: ["", "The key can't be shown right now", "Your order is safe. Refresh in a minute."] },
  "shop-empty": { zh: ["", "店里还没有商品，稍后再来看看。"], en: ["", "Nothing on sale yet."] },
  "shop-closed": { zh: ["", "暂时打烊：店主出差，周一恢复。已付款的订单照常发货，可在“查订单”查看。"], en: ["", "Closed for now: {…}. Paid orders are still delivered."] },
  "shop-none": { zh: ["", "没有找到“原神”。", "[看全部商品]"], en: ["", "{…}原神{…}", "[All products]"] },
};

const VALUES = { "{¥}": { zh: "¥\\d+\\.\\d\\d", en: "CN¥\\d+\\.\\d\\d" }, "{mm:ss}": { zh: "\\d\\d:\\d\\d", en: "\\d\\d:\\d\\d" }, "{…}": { zh: ".+?", en: ".+?" } };

// Apostrophes have two shapes and whitespace many; neither is a word.
export const plain = (text) => text.replace(/\s+/g, " ").replaceAll("’", "'").trim();

function pattern(words, lang) {
  const parts = plain(words).split(/(\{¥\}|\{mm:ss\}|\{…\})/);
  return new RegExp(parts.map((part) => VALUES[part]?.[lang] ?? part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(""), "u");
}

// What of its row's words a page does not say. `said` holds its text, its badge and its buttons.
export function missing(name, lang, said) {
  const row = by_name[name];
  if (!row) return null;
  const [badge, ...rest] = row[lang];
  const found = [];
  if (badge && said.badge !== badge) found.push(`badge “${said.badge}” instead of “${badge}”`);
  for (const words of rest) {
    const button = words.match(/^\[(.+)\]$/)?.[1];
    const is = button ? said.buttons.includes(button) : pattern(words, lang).test(said.text);
    if (!is) found.push(`does not say ${words}`);
  }
  return found;
}

export const WORDED = Object.keys(by_name);
