//! What an order costs, counted at the seam: write units and calls that wait for each other. The limits asserted below are the design's.

use std::sync::Arc;
use tests::TestShop;
use tests::shop::{self, cards, wish};
use tests::taps::{CALL, Counter, Seen};
use tokio::time::Instant;

const ORDERS: usize = 480;

/// One step of an order's life, over all orders.
#[derive(Default)]
struct Step {
    depth: usize,
    writes: f64,
    index_writes: f64,
    reads: f64,
    sends: usize,
}

impl Step {
    fn add(&mut self, seen: &[Seen], started: Instant) {
        // Every call takes the same virtual time and nothing else takes any, so elapsed time is the longest chain of calls.
        self.depth += usize::try_from(started.elapsed().as_millis() / CALL.as_millis()).unwrap();
        for call in seen {
            assert_eq!(call.status, 200, "{call:?}");
            self.writes += call.writes;
            self.index_writes += call.index_writes;
            self.reads += call.reads;
            self.sends += usize::from(call.target == "AmazonSQS.SendMessage");
        }
    }

    fn per(&self, n: usize, total: f64) -> f64 {
        total / n as f64
    }

    fn row(&self, name: &str, n: usize) -> String {
        format!(
            "{name:<22}{:>12.3}{:>12.3}{:>12.3}{:>12.3}{:>12.3}",
            self.per(n, self.depth as f64),
            self.per(n, self.writes),
            self.per(n, self.index_writes),
            self.per(n, self.reads),
            self.per(n, self.sends as f64),
        )
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_costs_what_was_designed() {
    // With the limits of production: what they cost is part of what an order costs.
    let shop = TestShop::limited(10, 3, 30).await;
    let counter = Arc::new(Counter::default());
    let (front, app) = shop.tapped(counter.clone());

    shop.product("p", 990, &[]).await;
    let product = domain::ProductId::parse("p").unwrap();
    let (mut import, mut unique) = (Step::default(), Step::default());
    let body = cards("CARD", ORDERS + 20).join("\n");
    let started = Instant::now();
    app.import_cards(&product, "upload", 1, body.as_bytes(), false).await.unwrap().unwrap();
    let (rows, rest): (Vec<Seen>, Vec<Seen>) = counter.take().into_iter().partition(is_unique_row);
    unique.add(&rows, Instant::now());
    import.add(&rest, started);

    let (mut create, mut pay, mut deliver, mut poll) =
        (Step::default(), Step::default(), Step::default(), Step::default());
    // Warm: the first order of an instance reads what later ones remember.
    shop::create(&front, "the-first-order-warms", &wish("p", 1)).await;
    counter.take();
    for n in 0..ORDERS {
        let started = Instant::now();
        let mut wish = wish("p", 1);
        wish["contact"] = format!("buyer-{n}@example.com").into();
        let address = format!("10.0.{}.{}", n / 250, n % 250);
        let (status, answer) = shop::create_from(&front, &format!("order-number-{n:05}"), &wish, &address).await;
        assert_eq!(status, 201, "{answer}");
        create.add(&counter.take(), started);

        let buyer = tests::Buyer::from(&answer);
        let query = shop.notification(&buyer, &format!("T{n}"));
        let started = Instant::now();
        assert_eq!(shop::notify(&front, &query).await.0, 200);
        pay.add(&counter.take(), started);

        let message = shop.world.sqs.dump(shop.world.queue_name()).unwrap().remove(0);
        let message = app::DeliverMessage::from_body(&message.body).unwrap();
        let started = Instant::now();
        app.deliver(&message).await.unwrap();
        deliver.add(&counter.take(), started);
        shop.deliver_all().await;

        let started = Instant::now();
        assert_eq!(shop::get(&front, &format!("/api/orders/{}", buyer.order), &buyer.token).await.0, 200);
        poll.add(&counter.take(), started);
    }
    let first = shop.order("the-first-order-warms-not", "p", 1).await;
    shop.pay(&first, "T-last").await;
    shop.deliver_all().await;

    println!("\nper order, over {ORDERS} orders of one product, warm, page redirect (import per card)");
    println!(
        "{:<22}{:>12}{:>12}{:>12}{:>12}{:>12}",
        "step", "calls deep", "write units", "index units", "read units", "sends"
    );
    for (name, step, n) in [
        ("create", &create, ORDERS),
        ("pay", &pay, ORDERS),
        ("deliver", &deliver, ORDERS),
        ("status read", &poll, ORDERS),
        ("import", &import, ORDERS + 20),
        ("import, uniqueness", &unique, ORDERS + 20),
    ] {
        println!("{}", step.row(name, n));
    }
    let per = |total: f64, n: usize| total / n as f64;
    let paid = per(create.writes + create.index_writes + pay.writes + deliver.writes, ORDERS)
        + per(import.writes, ORDERS + 20);
    println!("paid order in all, without the uniqueness row: {paid:.3}");

    assert!(per(create.writes, ORDERS) <= 2.04, "create: {}", per(create.writes, ORDERS));
    assert_eq!(create.index_writes, 2.0 * ORDERS as f64);
    // 480 orders open ten fresh strips; each opening is one more call deep.
    assert!(create.depth <= 2 * ORDERS + 10, "create: {} calls deep in all", create.depth);
    assert_eq!((pay.writes, pay.index_writes, pay.sends, pay.depth), (480.0, 0.0, 480, 960));
    assert_eq!((deliver.writes, deliver.index_writes, deliver.depth), (480.0, 0.0, 960));
    assert_eq!(poll.writes, 0.0);
    assert!(paid <= 6.3, "a paid order costs {paid}");
    assert_eq!(unique.writes, (ORDERS + 20) as f64);
}

fn is_unique_row(call: &Seen) -> bool {
    call.target.ends_with("PutItem") && call.body["Item"]["k"]["S"].as_str().is_some_and(|k| k.contains("#U#"))
}

/// The cost above is what a bill would say only if the engine counts as DynamoDB does: whole items, a unit per started KiB,
/// the larger of before and after.
#[tokio::test]
async fn the_engine_counts_units_as_dynamodb_does() {
    let shop = TestShop::new(11).await;
    let put = |size: usize| {
        let item = serde_json::json!({
            "TableName": "kamivend-strips", "ReturnConsumedCapacity": "INDEXES",
            "Item": {"k": {"S": "x"}, "v": {"S": "y".repeat(size)}},
        });
        let (status, body) = shop.world.engine.call("PutItem", item.to_string().as_bytes());
        assert_eq!(status, 200);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        body["ConsumedCapacity"]["CapacityUnits"].as_f64().unwrap()
    };
    // k + x + v make 3 bytes.
    assert_eq!(put(1_021), 1.0);
    assert_eq!(put(1_022), 2.0);
    assert_eq!(put(5_000), 5.0);
    assert_eq!(put(10), 5.0, "the larger of before and after");
}
