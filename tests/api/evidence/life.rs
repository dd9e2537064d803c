//! What happens to orders in their lives, and to those that are forgotten: never named.

use super::{DAY, a_days_work, delete, first_night, item_of, look, night, refund, short};
use http::Method;
use serde_json::json;
use tests::TestShop;

/// Every order goes on after its day was sealed: paid, paid late, delivered, seen, refused, refunded, lapsed, asked about.
#[tokio::test(start_paused = true)]
async fn what_happens_after_the_seal_is_never_named() {
    let mut shop = TestShop::new(1_720).await;
    let work = a_days_work(&mut shop).await;
    assert_eq!(first_night(&shop).await.differences, 0);
    let calm = async |what: &str| assert_eq!(short(&look(&shop).await), [], "{what}");

    shop.minutes(20).await;
    calm("a hold lapses").await;
    shop.pay(&work.held, "T-held").await;
    shop.minutes(1).await;
    assert_eq!(shop.read(&work.held).await.1["status"], "delivered");
    calm("late money finds other cards").await;
    shop.pay(&work.lapsed, "T-lapsed").await;
    shop.minutes(1).await;
    calm("more late money").await;
    let path = format!("/api/admin/orders/{}/review", work.review.order);
    let no = json!({"decision": "refuse", "reference": "not theirs"});
    assert_eq!(shop.sell(Method::POST, &path, &no).await.0, 200);
    calm("a person refuses").await;
    refund(&shop, &work.review, &json!({"by_hand": true, "reference": "by hand"})).await;
    calm("and the money goes back").await;
    refund(&shop, &work.held, &json!({"by_hand": true, "reference": "a gift"})).await;
    calm("so it does after delivery").await;
    for _ in 0..40 {
        shop.pass(DAY);
        shop.tick().await;
        assert_eq!(night(&shop).await.differences, 0);
    }
    // By now what came later is sealed as well.
    let mut hand = item_of(&shop, &work.held.order);
    hand["t_dlv"] = json!({"N": "1"});
    super::put(&shop, &hand);
    assert_eq!(short(&look(&shop).await)[0], ("evidence_changed".to_owned(), work.held.order.clone()));
}

/// An order that was never paid may go when its time is over, and no sooner; one that was paid never may.
#[tokio::test(start_paused = true)]
async fn what_is_forgotten_in_its_time_is_never_named() {
    let mut shop = TestShop::new(1_721).await;
    let work = a_days_work(&mut shop).await;
    first_night(&shop).await;
    let (lapsed, delivered) = (item_of(&shop, &work.lapsed.order), item_of(&shop, &work.delivered.order));
    delete(&shop, &lapsed);
    shop.pass(27 * DAY);
    assert_eq!(short(&look(&shop).await), [("evidence_missing".to_owned(), work.lapsed.order.clone())]);
    shop.pass(3 * DAY);
    assert_eq!(short(&look(&shop).await), []);
    assert_eq!(night(&shop).await.differences, 0);
    delete(&shop, &delivered);
    assert_eq!(short(&look(&shop).await)[0], ("evidence_missing".to_owned(), work.delivered.order.clone()));
    super::put(&shop, &delivered);
    // What was sealed of the forgotten one still stands among the seals, and they still fit.
    shop.pass(3 * DAY);
    assert_eq!(night(&shop).await.differences, 0);
    assert_eq!(short(&look(&shop).await), []);
}

/// More orders in one day, in one shard and in one millisecond than a list has room for.
#[tokio::test(start_paused = true)]
async fn a_day_of_many_orders_is_sealed_in_parts() {
    let mut shop = TestShop::new(1_722).await;
    let work = a_days_work(&mut shop).await;
    let copy = item_of(&shop, &work.delivered.order);
    let id = |n: u16| {
        let mut id = [7; 15];
        // Two shards, and every id once.
        id[0] = u8::try_from(n % 2).unwrap();
        id[1..3].copy_from_slice(&n.to_be_bytes());
        id
    };
    for n in 0..700 {
        use base64::Engine;
        let mut item = copy.clone();
        let at = tests::shop::START + if n < 300 { 5 } else { i64::from(n) };
        item["o"] = json!({"B": base64::engine::general_purpose::STANDARD.encode(id(n))});
        item["t_new"] = json!({"N": at.to_string()});
        item["day"] = json!({"S": store::keys::day(at, &domain::OrderId(id(n)))});
        super::put(&shop, &item);
    }
    let report = first_night(&shop).await;
    assert_eq!(report.differences, 0);
    let parts = shop.world.evidence.names().unwrap().iter().filter(|name| name.starts_with("lists/")).count();
    assert!(parts > 2, "{parts} parts");
    assert_eq!(short(&look(&shop).await), []);
    let again = night(&shop).await;
    assert_eq!((again.orders, again.differences), (706, 0), "each stands in one part");
    // One of them goes, in any part.
    for n in [0, 299, 300, 699] {
        let item = item_of(&shop, &domain::OrderId(id(n)).to_string());
        delete(&shop, &item);
        assert_eq!(short(&look(&shop).await), [("evidence_missing".to_owned(), domain::OrderId(id(n)).to_string())]);
        super::put(&shop, &item);
    }
}

/// The command, for a folder that no shop has open: files that nobody may write, and what differs is named.
#[tokio::test(start_paused = true)]
async fn the_command_looks_at_a_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tests::Folder::new("evidence");
    let data = folder.0.join("data");
    std::fs::create_dir_all(&data).unwrap();
    let mut shop = TestShop::open(1_723, Some(data.clone())).await;
    let work = a_days_work(&mut shop).await;
    assert_eq!(first_night(&shop).await.differences, 0);
    let list = data.join("evidence/lists/2026-11-22/001/00000.json");
    let mode = std::fs::metadata(&list).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o400, "nobody writes it, and nobody else reads it");
    let item = item_of(&shop, &work.delivered.order);
    delete(&shop, &item);
    drop(shop);
    let args = ["--data".to_owned(), data.display().to_string()];
    let look = async || {
        let options = local::options::parse(&args, |_| None).unwrap();
        local::shop::Shop::evidence(options, false).await.unwrap()
    };
    let (report, is_well) = look().await;
    assert!(!is_well && report.contains("evidence_missing") && report.contains(&work.delivered.order), "{report}");
    let mut shop = TestShop::open(1_724, Some(data.clone())).await;
    shop.leave_unfinished();
    super::put(&shop, &item);
    drop(shop);
    let (report, is_well) = look().await;
    assert!(is_well && report.contains("\"day\": \"2026-11-23\""), "{report}");
    std::fs::remove_file(&list).unwrap();
    let (report, is_well) = look().await;
    assert!(!is_well && report.contains("list_missing"), "{report}");
}
