//! Every state in exactly its words, in both languages, with at most two things to press.

use super::html::{Element, all, by_id, of_class, words};
use super::sample::{DESKTOP, LANGS, NOW, PHONE, cny, frame, locked, sold_out, view};
use functions::pages;
use functions::pages::view::{Access, CheckNotice, Extra, Lang, MethodKind, OrderView, RefundWhy, Stage};

/// A state and what it says: badge, headline, body, what can be pressed.
type Row =
    (Stage, &'static str, [&'static str; 3], &'static [&'static str], [&'static str; 3], &'static [&'static str]);

fn rows() -> Vec<Row> {
    let due = |why, by_hand| Stage::RefundDue { why, by_hand };
    vec![
        (
            Stage::NoCode { seconds_left: 800 },
            "no_code",
            ["待付款", "支付宝暂时出不了码", "没有扣款。请换一种方式。"],
            &["换一种方式", "重试"],
            ["Awaiting payment", "Alipay can't make a code now", "Nothing was charged."],
            &["Other method", "Retry"],
        ),
        (
            Stage::Checking,
            "checking",
            ["确认中", "正在确认最后一刻的付款…", ""],
            &[],
            ["Checking", "Checking for a last-moment payment…", ""],
            &[],
        ),
        (
            Stage::Paid { since: 15 },
            "paid",
            ["已付款", "收到付款，正在取卡", "一般 2 秒内完成，页面会自动更新。"],
            &[],
            ["Paid", "Payment received, fetching your key", "Usually under 2 seconds."],
            &[],
        ),
        (
            Stage::Paid { since: 16 },
            "paid",
            ["已付款", "比平时慢一点", "款项已记录，卡密会自动送达。可以关闭页面，稍后用本页链接查看。"],
            &["保存链接"],
            [
                "Paid",
                "Taking longer than usual",
                "Your payment is recorded and the key will arrive by itself. You may close this page.",
            ],
            &["Save link"],
        ),
        (
            Stage::Paid { since: 121 },
            "paid",
            ["已付款", "已提醒店家处理", "不用再付款。"],
            &["联系店家", "保存链接"],
            ["Paid", "The shop has been alerted", "Do not pay again."],
            &["Contact shop", "Save link"],
        ),
        (
            Stage::Manual,
            "manual",
            ["待发货", "等待店家发货", "一般 10 分钟内，服务时间 9:00–23:00。发货后本页自动更新。"],
            &[],
            ["To be delivered", "The shop is preparing it", "Usually within 10 min, 9:00–23:00."],
            &[],
        ),
        (
            Stage::Queued { place: 4 },
            "queued",
            ["排队中", "已付款，等待到货", "按付款先后自动发出，你排第 4 位。"],
            &["申请退款"],
            ["Queued", "Paid, waiting for stock", "Sent in order of payment; you are no. 4."],
            &["Ask for a refund"],
        ),
        (
            Stage::Delivered,
            "delivered",
            ["已发货", "卡密已送达", "请尽快保存，不要转发给他人。"],
            &["显示卡密"],
            ["Delivered", "Your key is ready", "Save it now and keep it private."],
            &["Show the key"],
        ),
        (
            Stage::Completed,
            "completed",
            ["已完成", "交易完成", "卡密可在 2027-05-21 前随时查看。"],
            &["显示卡密"],
            ["Completed", "Completed", "You can view the key until 2027-05-21."],
            &["Show the key"],
        ),
        (
            Stage::Expired,
            "expired",
            ["已关闭", "超过付款时间", "没有扣款。如果刚付过款，点“我已付款”，我们会核实并补发或退款。"],
            &["重新下单", "我已付款"],
            [
                "Closed",
                "Time ran out",
                "Nothing was charged. Just paid? Press “I have paid”: we check, then deliver or refund.",
            ],
            &["Order again", "I have paid"],
        ),
        (
            Stage::Cancelled,
            "cancelled",
            ["已关闭", "订单已取消", "没有扣款。"],
            &["重新下单"],
            ["Closed", "Order cancelled", "Nothing was charged."],
            &["Order again"],
        ),
        (
            Stage::Late,
            "late",
            ["处理中", "收到一笔超时付款 ¥29.70", "钱已记录。有货会自动补发，没货会退款，你不用做任何事。"],
            &[],
            [
                "In progress",
                "A late payment of CN¥29.70 arrived",
                "It is recorded. We deliver if stock allows, else refund. Nothing to do.",
            ],
            &[],
        ),
        (
            due(sold_out(), false),
            "refund_due",
            ["待退款", "将退款 ¥29.70", "原因：付款到达时已售罄。原路退回，一般 1–3 个工作日。"],
            &["联系店家"],
            [
                "Refund due",
                "CN¥29.70 will be refunded",
                "Reason: sold out when the payment arrived. To your payment account, usually 1–3 working days.",
            ],
            &["Contact shop"],
        ),
        (
            due(RefundWhy::Seller, true),
            "refund_due",
            [
                "待退款",
                "店家将手动退款 ¥29.70",
                "请留意 buyer@example.com 的消息，也可主动联系店家并报单号 01KJ4Q8ZC7M3N9PXV5WTB2RD。",
            ],
            &["联系店家"],
            [
                "Refund due",
                "The shop will refund CN¥29.70 by hand",
                "Watch buyer@example.com, or contact the shop with order 01KJ4Q8ZC7M3N9PXV5WTB2RD.",
            ],
            &["Contact shop"],
        ),
        (
            Stage::Refunded { at: NOW, reference: "R20261122".to_owned() },
            "refunded",
            ["已退款", "已退 ¥29.70（实付 ¥29.70）", "今天 14:32，退款单号 R20261122。到账时间以支付平台为准。"],
            &[],
            ["Refunded", "CN¥29.70 of CN¥29.70", "Today 14:32, reference R20261122."],
            &[],
        ),
        (
            Stage::Review,
            "review",
            ["核对中", "款项已收到，店家正在核对", "一般 30 分钟内。通过后自动发卡，不通过全额退款。"],
            &[],
            [
                "In review",
                "Payment received, the shop is checking",
                "Usually within 30 min. Then the key, or a full refund.",
            ],
            &[],
        ),
    ]
}

fn pressable(html: &str) -> Vec<String> {
    let words = |element: Element<'_>| element.words();
    of_class(html, "b").into_iter().map(words).collect()
}

fn page(lang: Lang, view: &OrderView<'_>) -> String {
    pages::order(&frame(lang, DESKTOP), view)
}

/// Badge, headline and body of a page that is not the one to pay on.
fn said(html: &str) -> [String; 3] {
    let state = of_class(html, "state").first().copied().unwrap();
    let badge = of_class(state.inner, "g").first().unwrap().words();
    let title = by_id(state.inner, "title").unwrap().words();
    let body = of_class(state.inner, "sub").first().map(|body| body.words()).unwrap_or_default();
    [badge, title, body]
}

#[test]
fn every_state_says_its_words_in_both_languages() {
    for (stage, name, zh, zh_acts, en, en_acts) in rows() {
        for (lang, told, acts) in [(Lang::Zh, zh, zh_acts), (Lang::En, en, en_acts)] {
            let html = page(lang, &view(stage.clone()));
            let order = by_id(&html, "order").unwrap();
            assert_eq!(order.attribute("data-stage").as_deref(), Some(name));
            assert_eq!(order.attribute("data-state").as_deref(), Some("v1"));
            assert_eq!(said(&html), told, "{stage:?}");
            let state = of_class(&html, "state").first().unwrap().inner;
            let shown = pressable(state)
                .into_iter()
                .chain(by_id(&html, "keys").map(|k| pressable(k.inner)).unwrap_or_default());
            assert_eq!(shown.collect::<Vec<_>>(), acts, "{stage:?}");
            assert!(acts.len() <= 2);
        }
    }
}

#[test]
fn the_part_is_the_inside_of_main() {
    for (stage, ..) in rows() {
        let view = view(stage);
        let html = page(Lang::Zh, &view);
        let main = by_id(&html, "main").unwrap().inner;
        assert_eq!(main.trim(), pages::order_main(&frame(Lang::Zh, DESKTOP), &view).trim());
    }
}

#[test]
fn the_page_to_pay_on_says_its_words() {
    let told = [
        (Lang::Zh, "待付款", "请付款 ¥29.70", "库存已为你保留，剩余 14:32。"),
        (Lang::En, "Awaiting payment", "Pay CN¥29.70", "Your stock is held for 14:32."),
    ];
    for (lang, badge, title, body) in told {
        let html = page(lang, &view(Stage::Awaiting { seconds_left: 872 }));
        let order = by_id(&html, "order").unwrap();
        assert_eq!(order.attribute("data-stage").as_deref(), Some("awaiting"));
        assert_eq!(order.attribute("data-seconds-left").as_deref(), Some("872"));
        assert_eq!(order.attribute("data-poll-ms").as_deref(), Some("2000"));
        let paying = by_id(&html, "paying").unwrap().inner;
        assert_eq!(of_class(paying, "g").first().unwrap().words(), badge);
        assert_eq!(by_id(paying, "title").unwrap().words(), title);
        assert_eq!(of_class(paying, "ticking").first().unwrap().words(), body);
        let zero = by_id(&html, "zero").unwrap();
        assert!(zero.tag.ends_with(" hidden"));
        let checking = match lang {
            Lang::Zh => "确认中 正在确认最后一刻的付款…",
            Lang::En => "Checking Checking for a last-moment payment…",
        };
        assert_eq!(zero.words(), checking);
    }
}

#[test]
fn without_a_script_there_is_a_time_of_day_and_a_refresh_only_while_it_helps() {
    let html = page(Lang::Zh, &view(Stage::Awaiting { seconds_left: 872 }));
    assert!(html.contains("<noscript><p class=\"sm\"><b>请在 14:46 前付款</b></p></noscript>"));
    assert!(html.contains("我已付款<noscript>，刷新状态</noscript></button>"));
    let refresh = |view: &OrderView<'_>| {
        let html = page(Lang::Zh, view);
        all(&html, |tag| tag.contains("http-equiv=\"refresh\"")).first().and_then(|meta| meta.attribute("content"))
    };
    for (stage, name, ..) in rows() {
        let expected = match name {
            "paid" | "checking" => Some("8".to_owned()),
            "delivered" | "completed" => Some("0;url=/o/01KJ4Q8ZC7M3N9PXV5WTB2RD/keys".to_owned()),
            _ => None,
        };
        assert_eq!(refresh(&view(stage.clone())), expected, "{stage:?}");
        // Half a password is not to be wiped, and covered keys are not to be uncovered, by the page itself.
        assert_eq!(refresh(&locked(view(stage.clone()))), None);
        let covered = OrderView { access: Access::Covered, ..view(stage) };
        assert_eq!(refresh(&covered), expected.filter(|content| content == "8"));
    }
    assert_eq!(refresh(&view(Stage::Awaiting { seconds_left: 1 })).as_deref(), Some("8"));
}

#[test]
fn the_last_two_minutes_are_said() {
    let hurry = |seconds_left| {
        let html = page(Lang::Zh, &view(Stage::Awaiting { seconds_left }));
        let hurry = by_id(&html, "hurry").unwrap();
        (hurry.tag.ends_with(" hidden"), hurry.words())
    };
    let words = "快到时间了。来不及就别再付，重新下单即可。".to_owned();
    assert_eq!(hurry(120), (true, words.clone()));
    assert_eq!(hurry(119), (false, words));
}

#[test]
fn refunds_in_part_and_without_a_reference() {
    let mut view = view(Stage::Refunded { at: NOW - 86_400_000, reference: String::new() });
    view.returned = cny(1_000);
    assert_eq!(
        said(&page(Lang::Zh, &view))[1..],
        ["已退 ¥10.00（实付 ¥29.70）", "11-21 14:32。到账时间以支付平台为准。"]
    );
    assert_eq!(said(&page(Lang::En, &view))[1..], ["CN¥10.00 of CN¥29.70", "11-21 14:32."]);
}

#[test]
fn money_beside_the_money_stands_above_any_state() {
    let double = Extra::Double { amount: cny(2_970), method: MethodKind::Wechat, at: NOW };
    let wrong = Extra::WrongAmount { got: cny(2_900) };
    let told = [
        (
            Lang::Zh,
            "你多付了一笔 ¥29.70（微信支付 今天 14:32），已登记退款。",
            "收到 ¥29.00，应付 ¥29.70。已通知店家：补差价后发货，或全额退款。联系店家",
        ),
        (
            Lang::En,
            "You paid CN¥29.70 twice (WeChat Pay, Today 14:32). A refund is registered.",
            "We received CN¥29.00 instead of CN¥29.70. The shop will ask for the difference or refund.Contact shop",
        ),
    ];
    for (lang, of_double, of_wrong) in told {
        for (stage, ..) in rows() {
            let view = OrderView { extras: vec![double.clone(), wrong.clone()], ..view(stage) };
            let html = page(lang, &view);
            let said: Vec<String> = of_class(&html, "extra").iter().map(Element::words).collect();
            assert_eq!(said, [of_double, of_wrong]);
        }
    }
}

#[test]
fn a_lost_connection_is_said_without_alarm() {
    for lang in LANGS {
        let html = page(lang, &view(Stage::Delivered));
        let (offline, gone) = (by_id(&html, "offline").unwrap(), by_id(&html, "gone").unwrap());
        assert!(offline.tag.ends_with(" hidden") && gone.tag.ends_with(" hidden"));
        let told = match lang {
            Lang::Zh => "离线 你已离线 · 以下是 的状态，联网后自动更新。卡密不会保存在本机。",
            Lang::En => "Offline Showing the state at . Keys are never stored on this device.",
        };
        let spaced = offline.inner.replace("<p>", " <p>");
        assert_eq!(words(&spaced), told);
        if lang == Lang::Zh {
            assert_eq!(gone.words(), "网络断开，恢复后自动更新。已付的款不会丢。");
        }
    }
}

#[test]
fn every_answer_to_a_press_is_read_on_the_status_line() {
    let told = [
        (CheckNotice::Found, "已核实到账，正在取卡。", "Payment found. Fetching your key."),
        (
            CheckNotice::NotYet,
            "支付宝还没有收到这笔款。刚付完请等 10 秒再点；请勿重复付款。",
            "Alipay has no such payment yet. If you just paid, wait 10 s and press again. Do not pay twice.",
        ),
        (
            CheckNotice::NoAnswer,
            "支付宝没有回应。我们会继续自动核实，不用重新付款。",
            "Alipay did not answer. We keep checking. No need to pay again.",
        ),
        (CheckNotice::TooSoon(4), "刚查过，4 秒后可再查。", "Just checked. Again in 4 s."),
        (
            CheckNotice::UnlockNone,
            "没有找到。请核对联系方式和密码，或用付款账单里的“商户单号”查。",
            "Not found. Check both fields, or use the merchant order number from your payment bill.",
        ),
        (CheckNotice::Mailed, "链接马上发到你的邮箱。", "The link is on its way to your mailbox."),
        (
            CheckNotice::MailedEnough,
            "今天的发送次数已用完，请看看垃圾邮件箱，或明天再试。",
            "No more mails can be sent today. Check your spam folder, or try again tomorrow.",
        ),
        (
            CheckNotice::UnlockShut(9),
            "尝试次数过多，请 9 分钟后再试，或联系店家。",
            "Too many tries. Wait 9 min or contact the shop.",
        ),
    ];
    for (notice, zh, en) in told {
        for (lang, words) in [(Lang::Zh, zh), (Lang::En, en)] {
            for stage in [Stage::Awaiting { seconds_left: 60 }, Stage::Expired, Stage::Delivered] {
                let view = OrderView { notice: Some(notice), ..view(stage) };
                for view in [locked(view.clone()), view] {
                    let html = page(lang, &view);
                    let line = by_id(&html, "notice").unwrap();
                    assert_eq!(line.attribute("role").as_deref(), Some("status"));
                    assert_eq!(line.words(), words);
                }
            }
        }
    }
}

#[test]
fn at_most_one_button_is_filled() {
    for env in [DESKTOP, PHONE] {
        for (stage, name, _, acts, ..) in rows() {
            let html = pages::order(&frame(Lang::Zh, env), &view(stage.clone()));
            assert_eq!(of_class(&html, "b-1").len(), acts.len().min(1), "{name}");
            assert_eq!(of_class(&pages::order(&frame(Lang::Zh, env), &locked(view(stage))), "b-1").len(), 1, "{name}");
        }
    }
}
