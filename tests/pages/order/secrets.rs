//! What a page must not show, and texts of buyers and sellers that try to run.

use super::html::{all, by_id, name, of_class};
use super::sample::{DESKTOP, ID, LANGS, LINK, PHONE, cny, frame, keys, locked, paying, qr, redirect, view};
use functions::pages;
use functions::pages::view::{Access, CheckNotice, Extra, MethodKind, OrderView, RefundWhy, Stage};

fn stages() -> Vec<Stage> {
    vec![
        Stage::Awaiting { seconds_left: 60 },
        Stage::NoCode { seconds_left: 60 },
        Stage::Checking,
        Stage::Paid { since: 200 },
        Stage::Manual,
        Stage::Queued { place: 1 },
        Stage::Delivered,
        Stage::Completed,
        Stage::Expired,
        Stage::Cancelled,
        Stage::Late,
        Stage::RefundDue { why: RefundWhy::Review, by_hand: true },
        Stage::Refunded { at: 0, reference: "R1".to_owned() },
        Stage::Review,
    ]
}

#[test]
fn a_locked_page_helps_no_stranger() {
    for lang in LANGS {
        for env in [DESKTOP, PHONE] {
            for stage in stages() {
                // All the secrets are in the view, as if the handler had forgotten to leave them out.
                let mut told = OrderView { access: Access::Locked, ..view(stage.clone()) };
                told.extras = vec![Extra::Double { amount: cny(777), method: MethodKind::Wechat, at: 0 }];
                let html = pages::order(&frame(lang, env), &told);
                for secret in ["buyer@", "48210375", LINK, "?t=", "qr.example.com", "7.77", "usdt-1", "wechat-1"] {
                    assert!(!html.contains(secret), "{secret} in {stage:?}");
                }
                for id in ["qr", "pay", "keys", "others", "check", "save", "lines", "cancel"] {
                    assert!(by_id(&html, id).is_none(), "#{id} in {stage:?}");
                }
                assert!(!html.contains(".png") && !html.contains("/keys"));
                let unlock = all(&html, |tag| tag.contains(&format!("action=\"/o/{ID}/unlock\"")));
                let fields: Vec<_> = all(unlock[0].inner, |tag| name(tag) == "input")
                    .iter()
                    .filter_map(|input| input.attribute("name"))
                    .collect();
                assert_eq!(fields, ["contact", "query_password"]);
                let shown = of_class(&html, "locked")[0].words();
                assert!(shown.contains("Steam 50 × 2") && shown.contains("¥29.70"));
                let order = by_id(&html, "order").unwrap();
                assert!(order.attribute("data-stage").is_some() && order.attribute("data-state").is_some());
            }
        }
    }
}

#[test]
fn covered_keys_wait_for_a_press() {
    for stage in [Stage::Delivered, Stage::Completed] {
        for access in [Access::Open, Access::Covered] {
            let html = pages::order(&frame(LANGS[0], DESKTOP), &OrderView { access, ..view(stage.clone()) });
            let goods = by_id(&html, "keys").unwrap();
            let address = (access == Access::Open).then(|| format!("/o/{ID}/keys"));
            assert_eq!(goods.attribute("data-keys"), address);
            assert!(goods.inner.contains(&format!("<form method=\"post\" action=\"/o/{ID}/keys\"")));
        }
    }
    for stage in stages().into_iter().filter(|stage| !matches!(stage, Stage::Delivered | Stage::Completed)) {
        assert!(by_id(&pages::order(&frame(LANGS[0], DESKTOP), &view(stage)), "keys").is_none());
    }
}

const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{ f }}&lt;";

/// Every page of an order, with hostile words wherever a buyer or a seller puts words.
fn hostile() -> Vec<String> {
    let mut found = Vec::new();
    for lang in LANGS {
        let f = frame(lang, PHONE);
        let spoilt = |mut view: OrderView<'static>| {
            view.product_name = HOSTILE;
            view.version = HOSTILE.to_owned();
            view.contact = Some(HOSTILE.to_owned());
            view.link = Some(HOSTILE.to_owned());
            view.collection_code = Some(HOSTILE.to_owned());
            if let Stage::Refunded { reference, .. } = &mut view.stage {
                *reference = HOSTILE.to_owned();
            }
            view
        };
        for stage in stages() {
            found.push(pages::order(&f, &spoilt(view(stage.clone()))));
            found.push(pages::order(&f, &OrderView { access: Access::Locked, ..spoilt(view(stage)) }));
        }
        found.push(pages::order(&f, &spoilt(paying(MethodKind::Wechat, payments::Created::Qr(HOSTILE.to_owned())))));
        found.push(pages::order(&f, &spoilt(paying(MethodKind::Usdt, payments::Created::Qr(HOSTILE.to_owned())))));
        found.push(pages::keys(&f, &pages::view::KeysView { product_name: HOSTILE, ..keys(&[HOSTILE], None) }));
        found.push(pages::cover(&f, ID, HOSTILE));
    }
    found
}

#[test]
fn hostile_words_stay_words() {
    for html in hostile() {
        assert!(html.contains("&#60;script&#62;alert(1)"), "the words are there");
        assert!(!html.contains("<script>alert") && !html.contains("<img src=x"));
        assert!(all(&html, |_| true).iter().all(|tag| !tag.bare().contains("onerror")));
    }
}

#[test]
fn nothing_stands_in_a_page_that_its_policy_forbids() {
    let mut every = hostile();
    for lang in LANGS {
        for env in [DESKTOP, PHONE] {
            for stage in stages() {
                every.push(pages::order(
                    &frame(lang, env),
                    &OrderView { notice: Some(CheckNotice::NotYet), ..view(stage) },
                ));
            }
            every.push(pages::order(&frame(lang, env), &paying(MethodKind::Wechat, qr())));
            every.push(pages::order(&frame(lang, env), &paying(MethodKind::Gateway, redirect())));
            every.push(pages::order(&frame(lang, env), &locked(view(Stage::Late))));
            every.push(pages::keys(&frame(lang, env), &keys(&["A", "B"], None)));
        }
    }
    for html in every {
        for tag in all(&html, |_| true) {
            let bare = tag.bare();
            assert!(!bare.contains(" style="), "<{}>", tag.tag);
            assert!(!bare.split(' ').any(|attribute| attribute.starts_with("on")), "<{}>", tag.tag);
            let from = tag.attribute("src").or(tag.attribute("href")).unwrap_or_default();
            assert!(!from.starts_with("data:") && !from.starts_with("javascript:"), "<{}>", tag.tag);
            match name(tag.tag) {
                "script" => assert!(from.starts_with("/assets/") && tag.inner.is_empty(), "<{}>", tag.tag),
                "style" | "iframe" => panic!("<{}>", tag.tag),
                "img" | "link" => assert!(from.starts_with('/'), "<{}>", tag.tag),
                _ => {}
            }
        }
    }
}

#[test]
fn ids_are_given_once() {
    let mut every = hostile();
    every.extend(stages().into_iter().map(|stage| pages::order(&frame(LANGS[0], DESKTOP), &view(stage))));
    for html in every {
        let mut ids: Vec<_> =
            all(&html, |tag| tag.contains(" id=\"")).iter().filter_map(|tag| tag.attribute("id")).collect();
        ids.sort();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{ids:?}");
    }
}
