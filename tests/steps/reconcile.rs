//! The timer's pass: what nobody came back for is brought to its end, also when the pass itself is cut off anywhere.

use store::Table;
use tests::TestShop;
use tests::shop::cards;

const MINUTE: i64 = 60_000;

#[tokio::test(start_paused = true)]
async fn an_expired_hold_is_released_and_sells_again() {
    let shop = TestShop::new(140).await;
    shop.product("p", 990, &cards("C", 1)).await;
    let first = shop.order("the-first-buyer-of-it", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    let pass = shop.tick().await;
    assert_eq!((pass.closed_orders, pass.released, pass.complete), (1, 1, true), "{pass:?}");
    let (_, order) = shop.read(&first).await;
    assert_eq!((order["status"].as_str(), order["status_reason"].as_str()), (Some("closed"), Some("expired")));
    let second = shop.order("the-second-buyer-of-it", "p", 1).await;
    shop.pay(&second, "T2").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&second).await.len(), 1);
    // Late money finds no stock: owed back.
    shop.pay(&first, "T1").await;
    let (_, order) = shop.read(&first).await;
    assert_eq!(
        (order["status"].as_str(), order["status_reason"].as_str()),
        (Some("refund_due"), Some("sold_out_when_paid")),
        "{order}"
    );
    assert_eq!(shop.attention().await, [("refund_due".to_owned(), "sold_out_when_paid".to_owned())]);
    // With stock it is delivered.
    shop.cards("p", &cards("D", 2), "").await;
    shop.pass(1_000);
    let third = shop.order("the-third-buyer-of-it", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    shop.tick().await;
    shop.pay(&third, "T3").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&third).await.len(), 1);
    let report = shop.audit().await;
    assert_eq!(report.differences, 0, "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_notification_is_found_by_asking() {
    let shop = TestShop::new(141).await;
    shop.product("p", 990, &cards("C", 5)).await;
    let buyer = shop.order("a-buyer-nobody-reports", "p", 1).await;
    let page = shop.open_pay_page(&buyer).await;
    shop.press(&page, "pay_lose_notice").await;
    assert_eq!(shop.read(&buyer).await.1["status"], "awaiting_payment");
    shop.minutes(1).await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
    let rows = shop.table(Table::Orders).into_iter().filter(|o| o.contains("\"due\"")).count();
    assert_eq!(rows, 0);
    let report = shop.audit().await;
    assert_eq!((report.differences, report.confirmed_by_provider), (0, 1), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_unpaid_order_is_asked_about_until_nobody_can_pay_it_any_more() {
    let shop = TestShop::new(142).await;
    shop.product("p", 990, &cards("C", 5)).await;
    let buyer = shop.order("a-buyer-who-went-away", "p", 1).await;
    shop.minutes(20).await;
    assert_eq!(shop.read(&buyer).await.1["status"], "closed");
    for hour in 1..=25 {
        shop.pass(59 * MINUTE);
        shop.minutes(1).await;
        let asks = shop.table(Table::Orders).iter().any(|o| o.contains("\"due\""));
        assert!(asks || hour > 3, "its provider still lets it be paid, {hour} hours later");
    }
    let rows: Vec<String> = shop.table(Table::Orders);
    assert!(rows.iter().all(|o| !o.contains("\"due\"")) && rows.iter().any(|o| o.contains("\"ttl\"")), "{rows:#?}");
}

/// "Sold out" that an instance said to a buyer a moment ago is no reason to refund late money: that buyer can ask again, a
/// refund cannot be taken back.
#[tokio::test(start_paused = true)]
async fn late_money_does_not_trust_what_an_instance_remembers() {
    let shop = TestShop::new(143).await;
    shop.product("p", 990, &cards("C", 1)).await;
    let buyer = shop.order("the-buyer-who-pays-late", "p", 1).await;
    shop.pass(15 * MINUTE + 1);
    let (status, answer) = shop.create("a-buyer-who-comes-too-late", &tests::shop::wish("p", 1)).await;
    assert_eq!((status, answer["code"].as_str()), (409, Some("sold_out")));
    // Another instance frees the card; this one has not heard of it.
    shop.world.app().reconcile(i64::MAX).await.unwrap();
    shop.pass(100);
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1);
}

/// A card whose ciphertext is damaged: the order stays paid and stands before a person; once the ciphertext is right again it is
/// delivered without anybody's help.
#[tokio::test(start_paused = true)]
async fn what_does_not_open_is_seen_and_delivered_once_it_opens() {
    let shop = TestShop::new(144).await;
    shop.product("p", 990, &cards("C", 2)).await;
    let vault = shop.table(Table::Vault).into_iter().find(|item| item.contains("\"p#0#0\"")).unwrap();
    let put = |item: &str| {
        let put = format!(r#"{{"TableName": "kamivend-vault", "Item": {item}}}"#);
        assert_eq!(shop.world.engine.call("PutItem", put.as_bytes()).0, 200);
    };
    // The first does not open, the second does not even read.
    for (n, damaged) in
        [vault.replace("\"kid\":{\"S\":\"k1\"}", "\"kid\":{\"S\":\"k9\"}"), vault.replace("\"f\":", "\"g\":")]
            .into_iter()
            .enumerate()
    {
        assert_ne!(damaged, vault);
        let buyer = shop.order(&format!("buys-a-damaged-card-{n}"), "p", 1).await;
        put(&damaged);
        shop.pay(&buyer, &format!("T{n}")).await;
        shop.minutes(3).await;
        assert_eq!(shop.attention().await, [("undeliverable".to_owned(), "not_delivered".to_owned())]);
        put(&vault);
        shop.minutes(11).await;
        assert_eq!(shop.keys(&buyer).await.len(), 1, "damage {n}");
        assert_eq!(shop.attention().await, []);
    }
}

/// More ownerless claims than chance explains: nothing is released before a person has looked, also when some of them find their
/// buyers again, and the person's word covers what was there then and nothing that comes later.
#[tokio::test(start_paused = true)]
async fn an_alarm_holds_back_and_its_confirmation_covers_what_was_seen() {
    let shop = TestShop::new(145).await;
    shop.product("p", 990, &cards("C", 100)).await;
    let orphan = async |n: usize| {
        let cutter = std::sync::Arc::new(tests::taps::Cutter::new(1, tests::taps::Cut::After));
        let claims = std::sync::Arc::new(OnlyClaims(cutter.clone()));
        let (front, _) = shop.tapped(claims);
        let key = format!("a-create-that-is-cut-off-{n:04}");
        let _ = cutter.run(tests::shop::create(&front, &key, &tests::shop::wish("p", 1))).await;
        key
    };
    let mut keys = Vec::new();
    for n in 0..7 {
        keys.push(orphan(n).await);
    }
    assert_eq!(shop.counts("p").await["held"], 7);
    shop.minutes(8).await;
    assert_eq!(shop.counts("p").await["held"], 7, "seven are more than five");
    assert_eq!(shop.attention().await, [("alarm".to_owned(), "ownerless_claims".to_owned())]);
    // Three buyers come back, so that only four are ownerless: the alarm still holds.
    for key in &keys[..3] {
        let (status, answer) = shop.create(key, &tests::shop::wish("p", 1)).await;
        assert_eq!(status, 201, "{answer}");
        let buyer = tests::Buyer::from(&answer);
        shop.pay(&buyer, &format!("T-{key}")).await;
    }
    shop.minutes(2).await;
    assert_eq!(shop.counts("p").await["held"], 4, "nobody has confirmed anything");
    let later = orphan(7).await;
    let key = store::keys::alarm(&domain::ProductId::parse("p").unwrap(), "ownerless_claims");
    shop.app.confirm_alarm(&key, "admin", "a deployment at noon").await.unwrap().unwrap();
    shop.minutes(1).await;
    assert_eq!(shop.counts("p").await["held"], 1, "the later one is not covered");
    let (status, _) = shop.create(&later, &tests::shop::wish("p", 1)).await;
    assert_eq!(status, 201);
    shop.minutes(25).await;
    assert_eq!(shop.counts("p").await["free"], 97);
    assert_eq!(shop.attention().await, []);
}

/// Cuts claims only: the reads before them pass.
#[derive(Debug)]
struct OnlyClaims(std::sync::Arc<tests::taps::Cutter>);

impl local::seam::Tap for OnlyClaims {
    fn fate(&self, call: &local::seam::Call) -> local::seam::Fate {
        let text = String::from_utf8_lossy(&call.body);
        if text.contains(":claim") || text.contains("SET #h[") { self.0.fate(call) } else { local::seam::Fate::Pass }
    }

    fn died(&self) {
        self.0.died();
    }
}

/// Two clicks on "refund" of a paid order at the same moment: one refund, one call.
#[tokio::test(start_paused = true)]
async fn two_clicks_at_once_on_a_paid_order_are_one_refund() {
    for delay in [0, 5, 15, 25, 35] {
        let shop = TestShop::new(146).await;
        shop.product("p", 990, &cards("C", 2)).await;
        let buyer = shop.order("a-buyer-who-wants-it-back", "p", 1).await;
        let page = shop.open_pay_page(&buyer).await;
        shop.press(&page, "pay_lose_notice").await;
        shop.app
            .check_payment(&shop.app.order_now(&domain::OrderId::parse(&buyer.order).unwrap()).await.unwrap().unwrap())
            .await
            .unwrap();
        let id = domain::OrderId::parse(&buyer.order).unwrap();
        let counters = [0, 1].map(|_| std::sync::Arc::new(tests::taps::Counter::default()));
        let apps = [0, 1].map(|n| shop.tapped(counters[n].clone()).1);
        let wish = app::RefundWish { minor: None, by_hand: None, key: None, who: "admin".into() };
        let late = async {
            tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
            apps[1].refund_order(&id, &wish).await.unwrap()
        };
        let _ = tokio::join!(apps[0].refund_order(&id, &wish), late);
        let calls: usize =
            counters.iter().map(|c| c.take().iter().filter(|s| s.target.contains("/api.php")).count()).sum();
        let order = shop.app.order_now(&id).await.unwrap().unwrap();
        assert_eq!((order.refunds.len(), calls), (1, 1), "delay {delay}: {order:?}");
        assert_eq!(order.state, domain::order::State::Refunded);
        shop.deliver_all().await;
    }
}
