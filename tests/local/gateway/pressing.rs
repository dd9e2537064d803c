//! The buttons: a payment, and everything that goes wrong with payments.

use super::*;

#[test]
fn a_payment_is_notified_and_leads_back() {
    let world = world();
    let trade_no = world.open();
    assert!(trade_no.starts_with("20261122130607") && trade_no.len() == 24, "{trade_no}");
    assert_eq!(world.query(&channel()), QueryState::Pending);

    let answer = world.press(&trade_no, "pay");
    let [notification] = answer.notify.as_slice() else { panic!("one notification") };
    assert!(!answer.parallel);
    let paid = paid(notification);
    assert_eq!((paid.amount.minor, paid.method.as_deref()), (990, Some("alipay")));
    // The letters of a real gateway: an amount as PHP prints it, a space as a plus.
    assert!(notification.url.contains("&money=9.9&") && notification.url.contains("+30+days"), "{}", notification.url);

    assert_eq!(answer.status, 303);
    assert_eq!(heard(header(&answer, "location"), RETURN), Ok(Notice::Paid(paid.clone())));
    // Asked, the gateway says the same, digit by digit.
    assert_eq!(world.query(&channel()), QueryState::Paid(paid));
    assert!(text(&world.get(&format!("/sandbox/pay/{trade_no}"), "")).contains("已付款"));

    // A second press pays nothing and still leads back.
    let again = world.press(&trade_no, "pay");
    assert!(again.notify.is_empty());
    assert_eq!((again.status, header(&again, "location")), (303, header(&answer, "location")));
}

#[test]
fn paying_twice_is_two_payments_for_one_order() {
    let world = world();
    let trade_no = world.open();
    let answer = world.press(&trade_no, "pay_twice");
    let [first, second] = answer.notify.as_slice() else { panic!("two notifications") };
    assert_ne!(first.trade_no, second.trade_no);
    assert_eq!((paid(first).amount, paid(second).amount), (attempt(&number()).amount, attempt(&number()).amount));
    assert_eq!(first.trade_no, trade_no);
    // Asked by the shop's number it speaks of the first; by its own number of either.
    assert_eq!(world.order()["trade_no"], Value::from(trade_no.as_str()));
    let second_order = world.api(&format!("act=order&pid={PID}&key={KEY}&trade_no={}", second.trade_no));
    assert_eq!(second_order["status"], 1);
    // Pressing again changes nothing, and neither of the two pages pays a third time.
    for (number, button) in [(&trade_no, "pay_twice"), (&second.trade_no, "pay_twice"), (&second.trade_no, "pay")] {
        let again = world.press(number, button);
        assert_eq!((again.status, again.notify.len()), (303, 0), "{button}");
    }
}

#[test]
fn what_is_paid_can_be_paid_a_second_time() {
    let world = world();
    let trade_no = world.open();
    world.press(&trade_no, "pay");
    let answer = world.press(&trade_no, "pay_twice");
    let [second] = answer.notify.as_slice() else { panic!("the second payment alone") };
    assert_ne!(second.trade_no, trade_no);
    paid(second);
}

#[test]
fn the_wrong_amount_is_one_fen_off() {
    for (minor, arrives) in [(990, 989), (2, 1), (1, 2)] {
        let world = world();
        let number = number();
        let view = AttemptView { amount: Money { minor, currency: Currency::CNY }, ..attempt(&number) };
        world.submit(&query_of(&pay_url(&channel(), &view)));
        let trade_no = world.order()["trade_no"].as_str().unwrap().to_owned();
        let answer = world.press(&trade_no, "pay_wrong_amount");
        let paid = paid(&answer.notify[0]);
        assert_eq!(paid.amount.minor, arrives);
        assert_eq!(world.query(&channel()), QueryState::Paid(paid), "asked, it says the same");
    }
}

#[test]
fn a_lost_notification_is_lost_and_the_payment_is_not() {
    let world = world();
    let trade_no = world.open();
    let answer = world.press(&trade_no, "pay_lose_notice");
    assert!(answer.notify.is_empty());
    assert_eq!(answer.status, 303);
    world.wait(24 * 60 * MINUTE);
    assert!(world.gateway.due().is_empty());
    let QueryState::Paid(paid) = world.query(&channel()) else { panic!("paid") };
    assert_eq!((paid.provider_number.as_str(), paid.amount.minor), (trade_no.as_str(), 990));
}

#[test]
fn the_notification_can_be_repeated_fifty_times() {
    let world = world();
    let trade_no = world.open();
    let answer = world.press(&trade_no, "repeat_notice");
    assert_eq!((answer.notify.len(), answer.parallel), (50, true));
    assert!(answer.notify.iter().all(|one| one == &answer.notify[0]), "all the same");
    paid(&answer.notify[0]);
    assert!(header(&answer, "location").starts_with(RETURN), "it was a payment");

    let again = world.press(&trade_no, "repeat_notice");
    assert_eq!(again.notify, answer.notify);
    assert_eq!(header(&again, "location"), format!("/sandbox/pay/{trade_no}"), "nothing was paid");
}

#[test]
fn the_way_back_is_signed_only_after_a_payment() {
    let world = world();
    let trade_no = world.open();
    let answer = world.press(&trade_no, "return");
    assert_eq!((answer.status, header(&answer, "location")), (303, RETURN));
    assert_eq!(world.query(&channel()), QueryState::Pending);
    world.press(&trade_no, "pay");
    let answer = world.press(&trade_no, "return");
    assert!(answer.notify.is_empty());
    assert!(matches!(heard(header(&answer, "location"), RETURN), Ok(Notice::Paid(_))));
}

#[test]
fn only_our_own_page_can_press_a_button() {
    let world = world();
    let trade_no = world.open();
    let path = format!("/sandbox/pay/{trade_no}");
    let press = |headers: &[(&str, &str)]| world.send("POST", &path, "", headers, "do=pay");
    for foreign in [
        vec![("Sec-Fetch-Site", "cross-site")],
        vec![("Sec-Fetch-Site", "same-site")],
        vec![("Sec-Fetch-Site", "none")],
        vec![("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:3000"), ("host", HOST)],
        vec![("Origin", "http://evil.example"), ("Host", HOST)],
        vec![("Origin", "http://127.0.0.1:3001"), ("Host", HOST)],
        vec![("Origin", "null"), ("Host", HOST)],
        vec![("Origin", "http://127.0.0.1:3000")],
    ] {
        let answer = press(&foreign);
        assert_eq!((answer.status, answer.notify.len()), (403, 0), "{foreign:?}");
    }
    assert_eq!(world.query(&channel()), QueryState::Pending);
    // No browser, so nobody steers it.
    assert_eq!(press(&[]).status, 303);
    assert!(matches!(world.query(&channel()), QueryState::Paid(_)));
}

#[test]
fn looking_changes_nothing() {
    let world = world();
    let trade_no = world.open();
    let path = format!("/sandbox/pay/{trade_no}");
    for query in ["", "do=pay"] {
        assert_eq!(world.get(&path, query).status, 200);
    }
    assert_eq!(world.send("POST", &path, "do=pay", &[], "").status, 400);
    assert_eq!(world.send("POST", &path, "", &[], "do=steal").status, 400);
    assert_eq!(world.send("PUT", &path, "", &[], "do=pay").status, 404);
    assert_eq!(world.get("/sandbox/pay/1", "").status, 404);
    assert_eq!(world.press("1", "pay").status, 404);
    assert_eq!(world.get("/sandbox/", "").status, 404);
    assert_eq!(world.get("/elsewhere", "").status, 404);
    assert_eq!(world.query(&channel()), QueryState::Pending);
}

#[test]
fn presses_at_the_same_time_pay_once() {
    let world = world();
    let trade_no = world.open();
    let notified: usize = std::thread::scope(|threads| {
        let presses: Vec<_> =
            (0..16).map(|_| threads.spawn(|| world.press(&trade_no, "pay_twice").notify.len())).collect();
        presses.into_iter().map(|press| press.join().unwrap()).sum()
    });
    assert_eq!(notified, 2);
}
