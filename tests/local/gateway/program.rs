//! `api.php`: what the shop asks as a program.

use super::*;

#[test]
fn the_answers_to_a_program_are_those_of_a_gateway() {
    let world = world();
    assert_eq!(world.order(), serde_json::json!({"code": -1, "msg": "订单号不存在"}));
    assert_eq!(world.query(&channel()), QueryState::NotFound);
    let trade_no = world.open();
    let unpaid = serde_json::json!({
        "code": 1, "msg": "查询订单号成功！", "trade_no": trade_no, "out_trade_no": NUMBER, "type": "alipay",
        "pid": 1000, "addtime": "2026-11-22 13:06:07", "endtime": null, "name": "月卡 30 days", "money": "9.90",
        "param": "", "status": 0,
    });
    assert_eq!(world.order(), unpaid);
    world.wait(10_000);
    world.press(&trade_no, "pay");
    let mut paid = unpaid.clone();
    paid["endtime"] = "2026-11-22 13:06:17".into();
    paid["status"] = 1.into();
    assert_eq!(world.order(), paid);
    assert_eq!(world.api(&format!("act=order&pid={PID}&key={KEY}&trade_no={trade_no}")), paid);

    for (query, code) in [
        (format!("act=order&pid=1001&key={KEY}&out_trade_no={NUMBER}"), -3),
        (format!("act=order&pid={PID}&key=wrong&out_trade_no={NUMBER}"), -2),
        (format!("act=order&pid={PID}&key={KEY}"), -1),
        (format!("act=other&pid={PID}&key={KEY}"), -5),
        (format!("pid={PID}&key={KEY}"), -5),
        ("act=order&a=%zz".to_owned(), -5),
    ] {
        assert_eq!(world.api(&query)["code"], code, "{query}");
    }
    assert!(matches!(world.query(&channel_with("1001", KEY)), QueryState::Unknown(_)));
    assert!(matches!(world.query(&channel_with(PID, "wrong")), QueryState::Unknown(_)));
}

#[test]
fn the_account_adds_up() {
    let world = world();
    let trade_no = world.open();
    world.press(&trade_no, "pay_twice");
    let account = || world.api(&format!("act=query&pid={PID}&key={KEY}"));
    let expected = |today: i64, lastday: i64| {
        serde_json::json!({
            "code": 1, "pid": PID, "active": 1, "money": "19.80", "orders": 2, "order_today": today,
            "order_lastday": lastday,
        })
    };
    // The day of the account is the one in China: it began at midnight there and ends with the next.
    for (hours, today, lastday) in [(0, 2, 0), (10, 2, 0), (1, 0, 2), (23, 0, 2), (1, 0, 0)] {
        world.wait(hours * 60 * MINUTE);
        assert_eq!(account(), expected(today, lastday), "after {hours} hours more");
    }
    assert_eq!(world.refund(&format!("pid={PID}&key={KEY}&trade_no={trade_no}&money=9.90"))["code"], 0);
    assert_eq!(world.api(&format!("act=query&pid={PID}&key={KEY}"))["money"], "9.90");
}

#[test]
fn refunds_never_exceed_what_arrived() {
    let world = world();
    let trade_no = world.open();
    let refund = |money: &str| world.refund(&format!("pid={PID}&key={KEY}&out_trade_no={NUMBER}&money={money}"));
    assert_eq!(refund("1.00"), serde_json::json!({"code": -1, "msg": "该订单未支付，不能退款"}));
    world.press(&trade_no, "pay");
    for bad in ["0", "-1", "9.91", "1e1", "", "0.001"] {
        assert_eq!(refund(bad)["code"], -1, "{bad}");
    }
    assert_eq!(refund("4.00"), serde_json::json!({"code": 0, "msg": "退款成功！退款金额¥4.00"}));
    assert!(matches!(world.query(&channel()), QueryState::Paid(_)), "part of it is still paid");
    assert_eq!(refund("5.91")["code"], -1);
    assert_eq!(refund("5.90")["code"], 0);
    assert_eq!(refund("0.01")["code"], -1);
    assert_eq!(world.order()["status"], 2);
    // The only way to learn of a refund whose reply was lost, so it is an answer.
    assert_eq!(world.query(&channel()), QueryState::Refunded);

    for (fields, code) in [
        (format!("pid={PID}&key=wrong&out_trade_no={NUMBER}&money=1"), -2),
        (format!("pid=1&key={KEY}&out_trade_no={NUMBER}&money=1"), -3),
        (format!("pid={PID}&key={KEY}&out_trade_no=none&money=1"), -1),
    ] {
        assert_eq!(world.refund(&fields)["code"], code, "{fields}");
    }
    let by_get = format!("act=refund&pid={PID}&key={KEY}&out_trade_no={NUMBER}&money=1");
    assert_eq!(world.api(&by_get)["code"], -5, "a refund is never a GET");
}

#[test]
fn forks_call_a_good_refund_one() {
    let (_, clock, ids) = clock_and_ids();
    let gateway = Gateway::open(None, PID.to_owned(), KEY.to_owned(), clock, ids).unwrap().with_refund_code(1);
    let world = World { gateway, now: Arc::default() };
    let trade_no = world.open();
    world.press(&trade_no, "pay");
    assert_eq!(world.refund(&format!("pid={PID}&key={KEY}&trade_no={trade_no}&money=1"))["code"], 1);
}
