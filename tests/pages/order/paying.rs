//! The page to pay on: what leads where, and what stands on the page for it.

use super::html::{Element, all, by_id, name, of_class};
use super::sample::{DESKTOP, ID, LANGS, LINK, PHONE, form, frame, method, paying, qr, redirect, view};
use functions::pages;
use functions::pages::assets;
use functions::pages::env::{Lead, detect, leads};
use functions::pages::view::{Env, Frame, Inside, Lang, MethodKind, OrderView, Stage};
use payments::Created;

const METHODS: [MethodKind; 6] = [
    MethodKind::Alipay,
    MethodKind::Wechat,
    MethodKind::Gateway,
    MethodKind::Usdt,
    MethodKind::Card,
    MethodKind::Sandbox,
];

const ENVS: [Env; 8] = [
    DESKTOP,
    PHONE,
    Env { is_phone: true, inside: Inside::Wechat },
    Env { is_phone: true, inside: Inside::Qq },
    Env { is_phone: true, inside: Inside::Alipay },
    Env { is_phone: false, inside: Inside::Wechat },
    Env { is_phone: false, inside: Inside::Qq },
    Env { is_phone: false, inside: Inside::Alipay },
];

#[test]
fn what_leads_is_chosen_by_device_and_method() {
    use Lead::{Copy, Go, OpenApp, OpenBrowser, OtherDevice, Post, Scan};
    // The columns are those of `ENVS`: desktop, phone, inside WeChat, QQ and Alipay on a phone, and those three on a desktop.
    let wall = OpenBrowser;
    let code = |method, leads: [Lead; 8]| (method, qr(), leads);
    let plain = |method| {
        (
            method,
            Created::Qr("weixin://wxpay/bizpayurl?pr=1".to_owned()),
            [Scan, OtherDevice, OtherDevice, OtherDevice, OtherDevice, Scan, Scan, Scan],
        )
    };
    let mut table = vec![
        code(MethodKind::Alipay, [Scan, OpenApp, wall, wall, OpenApp, Scan, Scan, Scan]),
        code(MethodKind::Wechat, [Scan, OtherDevice, OtherDevice, OtherDevice, OtherDevice, Scan, Scan, Scan]),
        code(MethodKind::Usdt, [Copy; 8]),
        plain(MethodKind::Wechat),
        plain(MethodKind::Gateway),
        plain(MethodKind::Card),
        plain(MethodKind::Sandbox),
        // A code of Alipay's that is no address can only be scanned or saved.
        (MethodKind::Alipay, Created::Qr("281234567890".to_owned()), [Scan, Scan, wall, wall, Scan, Scan, Scan, Scan]),
    ];
    for method in [MethodKind::Gateway, MethodKind::Card, MethodKind::Sandbox] {
        table.push(code(method, [Scan, Go, Go, Go, Go, Scan, Scan, Scan]));
    }
    for (shown, out) in [(redirect(), Go), (form(), Post)] {
        for method in METHODS {
            let leads = match method {
                MethodKind::Alipay => [out, out, wall, wall, out, wall, wall, out],
                MethodKind::Wechat => [out, out, out, wall, wall, out, wall, wall],
                _ => [out; 8],
            };
            table.push((method, shown.clone(), leads));
        }
    }
    for (method, shown, expected) in table {
        for (env, lead) in ENVS.into_iter().zip(expected) {
            assert_eq!(leads(&shown, method, env), lead, "{method:?} {shown:?} {env:?}");
        }
    }
}

#[test]
fn programs_are_told_apart() {
    let mozilla = "Mozilla/5.0 (";
    let table = [
        ("Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36", DESKTOP),
        ("Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", DESKTOP),
        (
            "iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
            PHONE,
        ),
        ("iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 Version/12.1 Safari/604.1", PHONE),
        ("Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", PHONE),
        ("Phone; OpenHarmony 5.0) AppleWebKit/537.36 Chrome/114.0 Safari/537.36 ArkWeb/4.1", PHONE),
        ("Linux; U; Android 14) AppleWebKit/537.36 Chrome/109.0 MQQBrowser/15.1 Mobile Safari/537.36", PHONE),
        ("iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 MicroMessenger/8.0.50(0x18003233)", ENVS[2]),
        (
            "Linux; Android 14) Chrome/107.0 MQQBrowser/6.2 TBS/046 Mobile Safari/537.36 V1_AND_SQ_9.0.0 QQ/9.0.0",
            ENVS[3],
        ),
        ("iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148 NebulaSDK/1.8 AlipayClient/10.6.80", ENVS[4]),
        (
            "Windows NT 10.0; WOW64) Chrome/107.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20 WindowsWechat",
            ENVS[5],
        ),
    ];
    for (agent, env) in table {
        assert_eq!(detect(&format!("{mozilla}{agent}")), env, "{agent}");
    }
    assert_eq!(detect(""), DESKTOP);
}

fn page(view: &OrderView<'_>, env: Env) -> String {
    pages::order(&frame(Lang::Zh, env), view)
}

#[test]
fn the_gateway_is_one_plain_link() {
    for env in [DESKTOP, PHONE] {
        let html = page(&paying(MethodKind::Gateway, redirect()), env);
        let pay = by_id(&html, "pay").unwrap();
        assert_eq!((name(pay.tag), pay.words().as_str()), ("a", "去付款"));
        assert_eq!(pay.attribute("href").as_deref(), Some("https://pay.example.com/submit.php?pid=1000&sign=0f"));
        assert!(by_id(&html, "qr").is_none());
        // Beside it, on a desktop only, the same page for the phone.
        let small = of_class(of_class(&html, "pay").first().unwrap().inner, "there").len();
        assert_eq!(small, usize::from(!env.is_phone));
        assert_eq!(html.matches("手机上付").count(), small);
    }
}

#[test]
fn nothing_but_the_web_becomes_a_link() {
    for bad in ["javascript:alert(1)", "data:text/html,x", "//example.com", "intent://x"] {
        for kind in METHODS {
            for shown in [
                Created::Redirect(bad.to_owned()),
                Created::Qr(bad.to_owned()),
                Created::Form { action: bad.to_owned(), fields: vec![] },
            ] {
                for env in ENVS {
                    let html = page(&paying(kind, shown.clone()), env);
                    assert!(by_id(&html, "pay").is_none(), "{kind:?} {shown:?}");
                    assert!(!html.contains(&format!("=\"{bad}")), "{kind:?} {shown:?}");
                }
            }
        }
    }
}

#[test]
fn a_form_for_the_gateway_is_visible_and_exact() {
    let html = page(&paying(MethodKind::Gateway, form()), PHONE);
    let out = by_id(&html, "pay-form").unwrap();
    assert_eq!(out.attribute("action").as_deref(), Some("https://pay.example.com/gateway"));
    assert_eq!(out.attribute("method").as_deref(), Some("post"));
    let fields: Vec<_> = all(out.inner, |tag| name(tag) == "input")
        .iter()
        .map(|i| (i.attribute("name"), i.attribute("value")))
        .collect();
    assert_eq!(fields, [(Some("sign".to_owned()), Some("a\"b<c>".to_owned()))]);
    assert_eq!(by_id(out.inner, "pay").unwrap().words(), "去付款");
}

#[test]
fn codes_are_large_and_told_in_words() {
    for (lang, alt) in
        [(Lang::Zh, "支付宝付款二维码，金额 29.70 元"), (Lang::En, "Alipay payment code, amount CN¥29.70")]
    {
        for env in [DESKTOP, PHONE] {
            let html = pages::order(&frame(lang, env), &paying(MethodKind::Alipay, qr()));
            let code = by_id(&html, "qr").unwrap();
            assert_eq!(code.attribute("src").unwrap(), format!("/o/{ID}/qr.png?n=1"));
            assert_eq!(code.attribute("alt").as_deref(), Some(alt));
            let width: u32 = code.attribute("width").unwrap().parse().unwrap();
            assert_eq!(code.attribute("height"), code.attribute("width"));
            let Created::Qr(text) = qr() else { panic!() };
            let modules = pages::qr::modules(&text).unwrap();
            assert!(width >= 208 && width.is_multiple_of(modules) && width / modules >= 4, "{width} of {modules}");
        }
    }
}

#[test]
fn on_a_phone_the_app_stands_above_the_code_and_on_a_desktop_there_is_no_app() {
    let view = paying(MethodKind::Alipay, qr());
    let html = page(&view, PHONE);
    let pay = by_id(&html, "pay").unwrap();
    assert_eq!(pay.words(), "打开支付宝付款");
    assert!(html.find(" id=\"pay\"").unwrap() < html.find(" id=\"qr\"").unwrap());
    assert!(html.contains("保存二维码"));
    let html = page(&view, DESKTOP);
    assert!(by_id(&html, "pay").is_none() && !html.contains("保存二维码"));
    assert_eq!(
        of_class(&html, "how").first().unwrap().words(),
        "打开支付宝，点“扫一扫”扫上面的码，核对金额 ¥29.70付完回到本页，卡密自动出现"
    );
}

#[test]
fn inside_wechat_the_way_to_a_browser_leads_and_no_alipay() {
    for shown in [qr(), redirect(), form()] {
        let html = page(&paying(MethodKind::Alipay, shown), ENVS[2]);
        assert!(by_id(&html, "pay").is_none() && by_id(&html, "qr").is_none());
        assert!(html.contains("右上角 ··· → 在浏览器打开"));
        let paying = by_id(&html, "paying").unwrap().inner;
        assert!(of_class(paying, "copy-v").iter().any(|field| field.exact() == LINK));
    }
}

#[test]
fn a_code_of_wechat_on_its_own_phone_sends_elsewhere_first() {
    let html = page(&paying(MethodKind::Wechat, qr()), PHONE);
    let others = by_id(&html, "others").unwrap();
    assert!(others.tag.ends_with(" open"));
    assert!(others.inner.contains("<summary class=\"b b-1"));
    assert!(html.contains("微信支付的码在本机付不了，长按和相册都不行。"));
    assert!(html.contains(&format!("/o/{ID}/link.png")));
    let here = by_id(&html, "here").unwrap();
    assert!(by_id(here.inner, "qr").is_some() && !here.tag.ends_with(" open"));
}

#[test]
fn other_methods_are_forms_and_an_old_code_is_called_void() {
    let mut view = paying(MethodKind::Alipay, qr());
    let html = page(&view, PHONE);
    let channels: Vec<_> = all(by_id(&html, "others").unwrap().inner, |tag| name(tag) == "form")
        .iter()
        .map(|form| {
            assert_eq!(form.attribute("action").unwrap(), format!("/o/{ID}/payments"));
            all(form.inner, |tag| name(tag) == "input").first().and_then(|input| input.attribute("value")).unwrap()
        })
        .collect();
    assert_eq!(channels, ["wechat-1", "usdt-1"]);
    let void = "旧二维码已作废，请勿再扫";
    let said = |html: &str| by_id(html, "paying").unwrap().words().contains(void);
    assert!(!said(&html) && html.contains(void));
    view.payment.as_mut().unwrap().attempt = 2;
    assert!(said(&page(&view, PHONE)));
    view.others.clear();
    assert!(by_id(&page(&view, PHONE), "others").is_none());
}

#[test]
fn a_transfer_shows_address_and_amount_to_copy() {
    let shown = Created::Qr("tron:TExampleExampleExampleExampleExamp?amount=4.171208".to_owned());
    for env in ENVS {
        let html = page(&paying(MethodKind::Usdt, shown.clone()), env);
        let fields: Vec<_> =
            of_class(of_class(&html, "transfer").first().unwrap().inner, "copy-v").iter().map(Element::exact).collect();
        assert_eq!(fields, ["4.171208", "TExampleExampleExampleExampleExamp"]);
        assert!(by_id(&html, "qr").is_some());
    }
}

#[test]
fn coins_are_named_where_they_are_what_is_paid() {
    let mut view = paying(MethodKind::Usdt, redirect());
    assert!(by_id(&page(&view, PHONE), "due").is_none());
    let due = payments::Due { amount: "13.8889".to_owned(), unit: "USDT-TRC20".to_owned(), address: None };
    view.payment.as_mut().unwrap().due = Some(due);
    let html = page(&view, PHONE);
    assert!(by_id(&html, "due").unwrap().words().contains("13.8889 USDT-TRC20"));
    assert!(of_class(&html, "how").first().unwrap().words().contains("13.8889 USDT-TRC20"), "what to check there");
}

#[test]
fn exactly_one_button_is_filled_whatever_leads() {
    for kind in METHODS {
        for shown in [qr(), redirect(), form(), Created::Qr("weixin://x".to_owned())] {
            for env in ENVS {
                for others in [vec![], vec![method(MethodKind::Card)]] {
                    let view = OrderView { others, ..paying(kind, shown.clone()) };
                    let html = page(&view, env);
                    assert_eq!(of_class(&html, "b-1").len(), 1, "{kind:?} {shown:?} {env:?}");
                    assert_eq!(by_id(&html, "check").unwrap().words(), "我已付款");
                    assert_eq!(of_class(&html, "how").first().unwrap().inner.matches("<li>").count(), 3);
                }
            }
        }
    }
}

#[test]
fn four_questions_and_a_way_to_give_up() {
    let html = page(&paying(MethodKind::Alipay, qr()), PHONE);
    for question in ["付了没反应？", "能换手机付吗？", "超时了还能付吗？", "金额要一致吗？"]
    {
        assert!(html.contains(&format!("<summary>{question}</summary>")));
    }
    let cancel = by_id(&html, "cancel").unwrap();
    assert_eq!(all(cancel.inner, |tag| name(tag) == "form")[0].attribute("action").unwrap(), format!("/o/{ID}/cancel"));
    for stage in [Stage::Expired, Stage::Delivered, Stage::Paid { since: 1 }] {
        assert!(by_id(&page(&view(stage), PHONE), "cancel").is_none());
    }
}

#[test]
fn the_page_to_pay_on_is_light() {
    let mut heaviest = 0;
    for lang in LANGS {
        for kind in METHODS {
            for shown in [qr(), redirect(), form()] {
                for env in ENVS {
                    let frame = Frame { is_sandbox: true, ..frame(lang, env) };
                    heaviest =
                        heaviest.max(assets::gzip(pages::order(&frame, &paying(kind, shown.clone())).as_bytes()).len());
                }
            }
        }
    }
    assert!((1_000..=7 * 1024).contains(&heaviest), "{heaviest} bytes of HTML");
    let script = |file: &str| assets::find(assets::href(file).strip_prefix("/assets/").unwrap()).unwrap().gzip.len();
    let scripts = script("status.js") + script("copy.js");
    assert!((1_000..=4 * 1024).contains(&scripts), "{scripts} bytes of scripts");
}
