//! What an order says in each of its states, in both languages. The badge's word is [`Frame::badge`]: it is the same in lists.

use crate::pages::view::{CheckNotice, Extra, Frame, Happened, Lang, MethodKind, OrderView, RefundWhy, Stage};
use domain::{Millis, Money};

/// How long fetching a key may take before the page says that it takes long, seconds.
const SLOW: i64 = 15;

/// How long before it says that the seller has been told, seconds.
const ALERTED: i64 = 120;

/// Headline and body of a state. The body of a state that awaits money ends with the time left, which the template adds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Words {
    /// The headline.
    pub(super) title: String,
    /// What follows; empty for nothing.
    pub(super) body: String,
}

/// What is offered beside the words. The first of a state is its primary one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// 「联系店家」
    Contact,
    /// 「保存链接」
    SaveLink,
    /// 「申请退款」: by writing to the shop.
    AskRefund,
    /// 「重新下单」
    OrderAgain,
    /// 「我已付款」
    Check,
}

/// The value of `data-stage`.
pub(super) fn stage_name(stage: &Stage) -> &'static str {
    match stage {
        Stage::Awaiting { .. } => "awaiting",
        Stage::NoCode { .. } => "no_code",
        Stage::Checking => "checking",
        Stage::Paid { .. } => "paid",
        Stage::Manual => "manual",
        Stage::Queued { .. } => "queued",
        Stage::Delivered => "delivered",
        Stage::Completed => "completed",
        Stage::Expired => "expired",
        Stage::Cancelled => "cancelled",
        Stage::Late => "late",
        Stage::RefundDue { .. } => "refund_due",
        Stage::Refunded { .. } => "refunded",
        Stage::Review => "review",
    }
}

/// How patient the words about a paid order are: they change twice, and whatever names a page's version changes with them.
pub fn patience(since: i64) -> u8 {
    u8::from(since > SLOW) + u8::from(since > ALERTED)
}

/// Headline and body.
pub(super) fn words(f: &Frame<'_>, v: &OrderView<'_>) -> Words {
    let paid = f.money(v.paid.unwrap_or(v.amount));
    let returned = f.money(v.returned);
    let t = |zh: &str, en: &str| f.t(zh, en).to_owned();
    let (title, body) = match &v.stage {
        Stage::Awaiting { .. } => (t("请付款", "Pay"), String::new()),
        Stage::NoCode { .. } => {
            let name = f.method(v.method);
            (
                f.t("{}暂时出不了码", "{} can't make a code now").replace("{}", name),
                t("没有扣款。请换一种方式。", "Nothing was charged."),
            )
        }
        Stage::Checking => (checking(f).to_owned(), String::new()),
        Stage::Paid { since } if patience(*since) == 2 => {
            (t("已提醒店家处理", "The shop has been alerted"), t("不用再付款。", "Do not pay again."))
        }
        Stage::Paid { since } if patience(*since) == 1 => (
            t("比平时慢一点", "Taking longer than usual"),
            t(
                "款项已记录，卡密会自动送达。可以关闭页面，稍后用本页链接查看。",
                "Your payment is recorded and the key will arrive by itself. You may close this page.",
            ),
        ),
        Stage::Paid { .. } => (
            t("收到付款，正在取卡", "Payment received, fetching your key"),
            t("一般 2 秒内完成，页面会自动更新。", "Usually under 2 seconds."),
        ),
        Stage::Manual => (t("等待店家发货", "The shop is preparing it"), by_hand(f)),
        Stage::Queued { place } => (
            t("已付款，等待到货", "Paid, waiting for stock"),
            f.t("按付款先后自动发出，你排第 {} 位。", "Sent in order of payment; you are no. {}.")
                .replace("{}", &place.to_string()),
        ),
        Stage::Delivered => (
            t("卡密已送达", "Your key is ready"),
            t("请尽快保存，不要转发给他人。", "Save it now and keep it private."),
        ),
        Stage::Completed => (t("交易完成", "Completed"), viewable(f, v.viewable_until)),
        Stage::Expired => (
            t("超过付款时间", "Time ran out"),
            t(
                "没有扣款。如果刚付过款，点“我已付款”，我们会核实并补发或退款。",
                "Nothing was charged. Just paid? Press “I have paid”: we check, then deliver or refund.",
            ),
        ),
        Stage::Cancelled => (t("订单已取消", "Order cancelled"), t("没有扣款。", "Nothing was charged.")),
        Stage::Late => (
            f.t("收到一笔超时付款 {}", "A late payment of {} arrived").replace("{}", &paid),
            t(
                "钱已记录。有货会自动补发，没货会退款，你不用做任何事。",
                "It is recorded. We deliver if stock allows, else refund. Nothing to do.",
            ),
        ),
        Stage::RefundDue { by_hand: true, .. } => {
            (f.t("店家将手动退款 {}", "The shop will refund {} by hand").replace("{}", &returned), watch(f, v))
        }
        Stage::RefundDue { why, .. } => {
            (f.t("将退款 {}", "{} will be refunded").replace("{}", &returned), refund_takes(f, *why))
        }
        Stage::Refunded { at, reference } => {
            let title = match f.lang {
                Lang::Zh => format!("已退 {returned}（实付 {paid}）"),
                Lang::En => format!("{returned} of {paid}"),
            };
            (title, refunded(f, *at, reference))
        }
        Stage::Review => (
            t("款项已收到，店家正在核对", "Payment received, the shop is checking"),
            or(f, &f.settings.review_takes, "30 分钟", "30 min", |takes, lang| match lang {
                Lang::Zh => format!("一般 {takes}内。通过后自动发卡，不通过全额退款。"),
                Lang::En => format!("Usually within {takes}. Then the key, or a full refund."),
            }),
        ),
    };
    // Money did come, only not this much: no page may say that nothing was charged.
    let came = v.extras.iter().any(|extra| matches!(extra, Extra::WrongAmount { .. }));
    if came && matches!(v.stage, Stage::Expired | Stage::Cancelled | Stage::NoCode { .. }) {
        let body = t(
            "收到的那笔款已记录，店家会退款或与你联系。",
            "The money that came is recorded. The shop will refund it or contact you.",
        );
        return Words { title, body };
    }
    Words { title, body }
}

/// The headline at 0:00.
pub(super) fn checking(f: &Frame<'_>) -> &'static str {
    f.lang.word("正在确认最后一刻的付款…", "Checking for a last-moment payment…")
}

/// A sentence around the seller's words, or around our own when there are none.
fn or(f: &Frame<'_>, own: &str, zh: &str, en: &str, sentence: impl Fn(&str, Lang) -> String) -> String {
    sentence(if own.is_empty() { f.t(zh, en) } else { own }, f.lang)
}

fn by_hand(f: &Frame<'_>) -> String {
    let hours = f.settings.hours.as_str();
    let open = match (hours.is_empty(), f.lang) {
        (true, _) => String::new(),
        (false, Lang::Zh) => format!("，服务时间 {hours}"),
        (false, Lang::En) => format!(", {hours}"),
    };
    f.t("一般 10 分钟内{}。发货后本页自动更新。", "Usually within 10 min{}.").replace("{}", &open)
}

/// Until when keys can be seen.
pub(crate) fn viewable(f: &Frame<'_>, until: Option<Millis>) -> String {
    match until {
        Some(until) => f.t("卡密可在 {} 前随时查看。", "You can view the key until {}.").replace("{}", &f.day(until)),
        None => f.t("卡密可随时查看。", "You can view the key at any time.").to_owned(),
    }
}

fn watch(f: &Frame<'_>, v: &OrderView<'_>) -> String {
    let contact = v.contact.as_deref().unwrap_or(f.t("你的联系方式", "your contact"));
    match f.lang {
        Lang::Zh => format!("请留意 {contact} 的消息，也可主动联系店家并报单号 {}。", v.id),
        Lang::En => format!("Watch {contact}, or contact the shop with order {}.", v.id),
    }
}

fn refund_takes(f: &Frame<'_>, why: RefundWhy) -> String {
    let reason = match why {
        RefundWhy::SoldOutWhenPaid => f.t("付款到达时已售罄", "sold out when the payment arrived"),
        RefundWhy::Seller => f.t("店家退款", "the shop gives the money back"),
        RefundWhy::Review => f.t("核对未通过", "the check was not passed"),
    };
    or(f, &f.settings.refund_takes, "1–3 个工作日", "1–3 working days", |takes, lang| match lang {
        Lang::Zh => format!("原因：{reason}。原路退回，一般 {takes}。"),
        Lang::En => format!("Reason: {reason}. To your payment account, usually {takes}."),
    })
}

fn refunded(f: &Frame<'_>, at: Millis, reference: &str) -> String {
    let time = f.moment(at);
    match (f.lang, reference) {
        (Lang::Zh, "") => format!("{time}。到账时间以支付平台为准。"),
        (Lang::Zh, _) => format!("{time}，退款单号 {reference}。到账时间以支付平台为准。"),
        (Lang::En, "") => format!("{time}."),
        (Lang::En, _) => format!("{time}, reference {reference}."),
    }
}

/// What a state offers, at most two things. The page to pay on has its own list.
pub(super) fn actions(v: &OrderView<'_>) -> &'static [Action] {
    match &v.stage {
        Stage::Paid { since } if patience(*since) == 2 => &[Action::Contact, Action::SaveLink],
        Stage::Paid { since } if patience(*since) == 1 => &[Action::SaveLink],
        Stage::Queued { .. } => &[Action::AskRefund],
        Stage::Expired | Stage::Cancelled if v.extras.iter().any(|e| matches!(e, Extra::WrongAmount { .. })) => {
            &[Action::Contact, Action::Check]
        }
        Stage::Expired => &[Action::OrderAgain, Action::Check],
        Stage::Cancelled => &[Action::OrderAgain],
        Stage::RefundDue { .. } => &[Action::Contact],
        _ => &[],
    }
}

/// The app that reads a method's code.
pub(super) fn app(f: &Frame<'_>, kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Wechat => f.lang.word("微信", "WeChat"),
        MethodKind::Gateway | MethodKind::Card | MethodKind::Sandbox => f.lang.word("手机", "your phone"),
        other => f.method(other),
    }
}

/// The answer to the buyer's last press.
pub(super) fn notice(f: &Frame<'_>, v: &OrderView<'_>) -> String {
    let name = f.method(v.method);
    let Some(notice) = v.notice else { return String::new() };
    let (zh, en) = match notice {
        CheckNotice::Found => ("已核实到账，正在取卡。", "Payment found. Fetching your key."),
        CheckNotice::NotYet => (
            "{}还没有收到这笔款。刚付完请等 10 秒再点；请勿重复付款。",
            "{} has no such payment yet. If you just paid, wait 10 s and press again. Do not pay twice.",
        ),
        CheckNotice::NoAnswer => (
            "{}没有回应。我们会继续自动核实，不用重新付款。",
            "{} did not answer. We keep checking. No need to pay again.",
        ),
        CheckNotice::TooSoon(seconds) => {
            return f.t("刚查过，{} 秒后可再查。", "Just checked. Again in {} s.").replace("{}", &seconds.to_string());
        }
        CheckNotice::Mailed => ("链接马上发到你的邮箱。", "The link is on its way to your mailbox."),
        CheckNotice::MailedEnough => (
            "今天的发送次数已用完，请看看垃圾邮件箱，或明天再试。",
            "No more mails can be sent today. Check your spam folder, or try again tomorrow.",
        ),
        CheckNotice::UnlockNone => (
            "没有找到。请核对联系方式和密码，或用付款账单里的“商户单号”查。",
            "Not found. Check both fields, or use the merchant order number from your payment bill.",
        ),
        CheckNotice::UnlockShut(minutes) => {
            let text =
                f.t("尝试次数过多，请 {} 分钟后再试，或联系店家。", "Too many tries. Wait {} min or contact the shop.");
            return text.replace("{}", &minutes.to_string());
        }
        CheckNotice::NotWaiting => {
            ("这个订单已经不在等付款，没有改动。", "This order no longer waits for payment. Nothing was changed.")
        }
        CheckNotice::ChannelDown => {
            ("这种方式暂时不可用，请选其他方式。", "This method is unavailable. Choose another method.")
        }
        CheckNotice::Unavailable => (
            "暂时没有结果，什么都没有改变。请稍后再试。",
            "No result for now, and nothing was changed. Please try again.",
        ),
    };
    f.t(zh, en).replace("{}", name)
}

/// The sentence of money beside the money, and whether the shop should be asked.
pub(super) fn extra(f: &Frame<'_>, due: Money, extra: &Extra) -> (String, bool) {
    match extra {
        Extra::Double { amount, method: kind, at } => {
            let (sum, name, time) = (f.money(*amount), f.method(*kind), f.moment(*at));
            let text = match f.lang {
                Lang::Zh => format!("你多付了一笔 {sum}（{name} {time}），已登记退款。"),
                Lang::En => format!("You paid {sum} twice ({name}, {time}). A refund is registered."),
            };
            (text, false)
        }
        Extra::WrongAmount { got } => {
            let (got, due) = (f.money(*got), f.money(due));
            let text = match f.lang {
                Lang::Zh => format!("收到 {got}，应付 {due}。已通知店家：补差价后发货，或全额退款。"),
                Lang::En => {
                    format!("We received {got} instead of {due}. The shop will ask for the difference or refund.")
                }
            };
            (text, true)
        }
    }
}

/// A step of the timeline.
pub(super) fn happened(f: &Frame<'_>, step: Happened) -> &'static str {
    let (zh, en) = match step {
        Happened::Created => ("下单", "Ordered"),
        Happened::Paid => ("收到付款", "Payment received"),
        Happened::Delivered => ("卡密送达", "Key delivered"),
        Happened::Closed => ("订单关闭", "Order closed"),
        Happened::Refund => ("退款", "Refund"),
    };
    f.lang.word(zh, en)
}
