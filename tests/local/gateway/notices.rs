//! The notification: its letters, its repetitions, and what acknowledges it.

use super::*;

#[test]
fn whole_yuan_lose_their_decimals() {
    for (minor, money) in [(100, "1"), (1_000, "10"), (10, "0.1"), (1, "0.01"), (12_345, "123.45")] {
        let world = world();
        let number = number();
        let view = AttemptView { amount: Money { minor, currency: Currency::CNY }, ..attempt(&number) };
        world.submit(&query_of(&pay_url(&channel(), &view)));
        let trade_no = world.order()["trade_no"].as_str().unwrap().to_owned();
        let notify = world.press(&trade_no, "pay").notify;
        assert!(notify[0].url.contains(&format!("&money={money}&")), "{}", notify[0].url);
        assert_eq!(paid(&notify[0]).amount.minor, minor);
    }
}

#[test]
fn addresses_that_have_a_query_get_the_fields_appended() {
    let world = world();
    let with_query = [("notify_url", "https://shop.example/n?a=1"), ("return_url", "https://shop.example/r?b=2")];
    assert_eq!(world.submit(&signed_order(&with_query)).status, 200);
    let trade_no = world.order()["trade_no"].as_str().unwrap().to_owned();
    let answer = world.press(&trade_no, "pay");
    assert!(answer.notify[0].url.starts_with("https://shop.example/n?a=1&pid=1000&"));
    assert!(header(&answer, "location").starts_with("https://shop.example/r?b=2&pid=1000&"));
}

#[test]
fn what_the_shop_adds_comes_back_signed() {
    let world = world();
    assert_eq!(world.submit(&signed_order(&[("param", "p 1"), ("type", "")])).status, 200);
    let trade_no = world.order()["trade_no"].as_str().unwrap().to_owned();
    let notify = world.press(&trade_no, "pay").notify;
    assert!(notify[0].url.contains("&param=p+1&") && notify[0].url.contains("&type=alipay&"), "{}", notify[0].url);
    paid(&notify[0]);
}

#[test]
fn an_unheard_notification_is_repeated_five_times_and_never_again() {
    let world = world();
    let trade_no = world.open();
    let sent = world.press(&trade_no, "pay").notify;
    world.gateway.notified(&trade_no, false);
    for wait in [1, 3, 20, 60, 120] {
        world.wait(wait * MINUTE - 1);
        assert!(world.gateway.due().is_empty(), "not before {wait} minutes");
        world.wait(1);
        assert_eq!(world.gateway.due(), sent, "after {wait} minutes");
        assert!(world.gateway.due().is_empty(), "each is handed out once");
        world.gateway.notified(&trade_no, false);
    }
    world.wait(365 * 24 * 60 * MINUTE);
    assert!(world.gateway.due().is_empty());
    assert!(text(&world.get(&format!("/sandbox/pay/{trade_no}"), "")).contains("失败 6 次"));
}

#[test]
fn an_acknowledged_notification_is_not_repeated() {
    let world = world();
    let trade_no = world.open();
    world.press(&trade_no, "pay_twice");
    world.gateway.notified(&trade_no, true);
    // A refusal that arrives later than the acknowledgement, as with fifty at once, changes nothing.
    world.gateway.notified(&trade_no, false);
    world.wait(MINUTE);
    let due = world.gateway.due();
    let [second] = due.as_slice() else { panic!("only the second payment is unheard: {due:?}") };
    assert_ne!(second.trade_no, trade_no);
    world.gateway.notified("no such trade", true);
}

#[test]
fn the_word_alone_acknowledges() {
    for yes in ["success", "SUCCESS", "Success", "  success\n", "{\"code\":\"success\"}", "unsuccessful"] {
        assert!(acknowledges(yes.as_bytes()), "{yes}");
    }
    for no in ["", "fail", "succes", "ok", "<html>502</html>", "s u c c e s s"] {
        assert!(!acknowledges(no.as_bytes()), "{no}");
    }
    assert!(!acknowledges(b"\xff\xfe"));
}
