//! What is sealed of orders day by day: whatever never changes is named when it does, whatever is missing or came in later with
//! an old date is named, a seal that was touched is named, and nothing that happens to an order in its life ever is.

mod hands;
mod life;

use app::{Finding, Report, Scope};
use http::Method;
use local::roles::acting_as;
use serde_json::{Value, json};
use store::Table;
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop, text};

const HOUR: i64 = 60 * 60_000;
const DAY: i64 = 24 * HOUR;

/// The night's job, to its end.
async fn night(shop: &TestShop) -> Report {
    let report = acting_as("reconcile", shop.app.audit(Scope::Evidence, i64::MAX)).await;
    report.expect("a night").expect("its end")
}

/// What the command says: everything that differs, and nothing is written.
async fn look(shop: &TestShop) -> Vec<Finding> {
    let before = (shop.tables(), shop.world.evidence.names().unwrap());
    let report = acting_as("reconcile", shop.app.check_evidence()).await.expect("a report");
    assert_eq!(usize::try_from(report.differences).unwrap(), report.findings.len(), "everything is named");
    assert_eq!(before, (shop.tables(), shop.world.evidence.names().unwrap()), "looking changes nothing");
    report.findings
}

/// What is found, in short: what, and which order.
fn short(findings: &[Finding]) -> Vec<(String, String)> {
    findings.iter().map(|f| (f.what.clone(), f.order.clone().unwrap_or_default())).collect()
}

fn orders(shop: &TestShop) -> Vec<Value> {
    let items = shop.table(Table::Orders).into_iter().map(|item| serde_json::from_str::<Value>(&item).unwrap());
    items.filter(|item| item["fp"].is_object()).collect()
}

fn item_of(shop: &TestShop, order: &str) -> Value {
    let of = |item: &Value| id_of(item) == order;
    orders(shop).into_iter().find(of).unwrap_or_else(|| panic!("there is no {order}"))
}

fn id_of(item: &Value) -> String {
    use base64::Engine;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text(item, "/o/B")).unwrap();
    domain::OrderId(bytes.try_into().unwrap()).to_string()
}

fn put(shop: &TestShop, item: &Value) {
    let request = json!({"TableName": "kamivend-orders", "Item": item}).to_string();
    let (status, body) = shop.world.engine.call("PutItem", request.as_bytes());
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

fn delete(shop: &TestShop, item: &Value) {
    let request = json!({"TableName": "kamivend-orders", "Key": {"o": item["o"]}}).to_string();
    assert_eq!(shop.world.engine.call("DeleteItem", request.as_bytes()).0, 200);
}

async fn refund(shop: &TestShop, buyer: &Buyer, body: &Value) {
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let (status, answer) = shop.sell(Method::POST, &path, body).await;
    assert_eq!(status, 200, "{answer}");
}

/// Orders in every state, some of which go on: all made on the first day.
struct Work {
    /// Delivered, seen on the page, and a part of the money given back by hand.
    delivered: Buyer,
    /// Paid late, when nothing was left: the money went back.
    refunded: Buyer,
    /// Waits for a person.
    review: Buyer,
    /// Never paid.
    lapsed: Buyer,
    /// Not paid yet.
    held: Buyer,
}

async fn a_days_work(shop: &mut TestShop) -> Work {
    shop.leave_unfinished();
    shop.product("p", 990, &cards("P", 60)).await;
    shop.product("one", 500, &cards("ONE", 1)).await;
    shop.product("looked-at", 1_500, &cards("L", 5)).await;
    let (status, answer) = shop.sell(Method::PATCH, "/api/admin/products/looked-at", &json!({"review": true})).await;
    assert_eq!(status, 200, "{answer}");
    shop.pass(3_000);

    let refunded = shop.order("who-pays-too-late-for-it", "one", 1).await;
    shop.minutes(17).await;
    let other = shop.order("who-takes-the-last-of-it", "one", 1).await;
    shop.pay(&other, "T-other").await;
    shop.pay(&refunded, "T-late").await;
    shop.minutes(1).await;
    refund(shop, &refunded, &json!({"by_hand": true, "reference": "in cash"})).await;
    assert_eq!(shop.read(&refunded).await.1["status"], "refunded");

    let mut phone = tests::Visitor::new(shop.front());
    let id = phone.order("p", "me@example.com").await;
    let token = shop.app.keys.order_token(&domain::OrderId::parse(&id).unwrap(), 0);
    let (_, read) = tests::shop::get(shop.front(), &format!("/api/orders/{id}"), &token).await;
    let delivered = Buyer { order: id.clone(), token, attempt: text(&read, "/payment/attempt").to_owned(), minor: 990 };
    shop.pay(&delivered, "T-delivered").await;
    shop.deliver_all().await;
    assert_eq!(phone.post(&format!("/o/{id}/keys"), &[]).await.status, 303);
    let part = json!({"amount": {"amount_minor": 100, "currency": "CNY"}, "by_hand": true, "reference": "a kindness"});
    refund(shop, &delivered, &part).await;

    let review = shop.order("who-is-looked-at-first-00", "looked-at", 1).await;
    shop.pay(&review, "T-review").await;
    let lapsed = shop.order("who-never-comes-to-pay-00", "p", 1).await;
    shop.pass(23 * HOUR - (shop.app.clock.now() - tests::shop::START));
    shop.minutes(2).await;
    let (status, answer) = shop.create("who-has-not-paid-yet-000", &wish("p", 1)).await;
    assert_eq!(status, 201, "{answer}");
    Work { delivered, refunded, review, lapsed, held: Buyer::from(&answer) }
}

/// The first day is over, and so is an hour of the next.
async fn first_night(shop: &TestShop) -> Report {
    shop.pass(DAY + 2 * HOUR - (shop.app.clock.now() - tests::shop::START));
    night(shop).await
}

#[tokio::test(start_paused = true)]
async fn a_day_is_sealed_once_and_stands() {
    let mut shop = TestShop::new(1_700).await;
    let work = a_days_work(&mut shop).await;
    // Not before its hour: the day is not over, and a create may be under way at midnight.
    assert_eq!(night(&shop).await.last_seal, None);
    assert_eq!(shop.world.evidence.names().unwrap(), ["first.json"]);
    let report = first_night(&shop).await;
    assert_eq!((report.differences, report.last_seal.clone().unwrap().day.as_str()), (0, "2026-11-23"), "{report:#?}");
    let names = ["first.json", "lists/2026-11-22/001/00000.json", "seals/2026-11-23.json"];
    assert_eq!(shop.world.evidence.names().unwrap(), names);
    // Every order of the day stands in the list, and nothing of anybody does.
    let list = String::from_utf8(shop.world.evidence.read(names[1]).unwrap().unwrap()).unwrap();
    for buyer in [&work.delivered, &work.refunded, &work.review, &work.lapsed, &work.held] {
        assert!(list.contains(&buyer.order));
    }
    for said in ["me@example.com", "in cash", "T-delivered", "\"990\"", ":990", "looked-at", "a kindness"] {
        assert!(!list.contains(said), "{said} stands in the list");
    }
    // Again, and by two at once: the same files, the same seal.
    let file = |name: &str| shop.world.evidence.read(name).unwrap();
    let before = names.map(file);
    let (one, two) = tokio::join!(night(&shop), night(&shop));
    assert_eq!((one.differences, one.last_seal.as_ref()), (0, report.last_seal.as_ref()));
    assert_eq!((two.differences, two.last_seal.as_ref()), (0, report.last_seal.as_ref()));
    assert_eq!(shop.world.evidence.names().unwrap(), names);
    assert_eq!(before, names.map(file));
    assert_eq!(short(&look(&shop).await), []);
    assert_eq!(one.orders, 6);
    // Nobody looked for five weeks: every seal is made, each over the lists that it has to name.
    shop.pass(35 * DAY);
    let report = night(&shop).await;
    assert_eq!((report.differences, report.last_seal.unwrap().day.as_str()), (0, "2026-12-28"));
    let names = shop.world.evidence.names().unwrap();
    for list in
        ["lists/2026-11-22/008/00000.json", "lists/2026-11-22/031/00000.json", "lists/2026-12-27/001/00000.json"]
    {
        assert!(names.iter().any(|name| name == list), "{list} is not there: {names:?}");
    }
    assert_eq!(short(&look(&shop).await), []);
}

/// Through the timer: once in half a day, after the audit of everything; its findings are an audit's.
#[tokio::test(start_paused = true)]
async fn the_timer_looks_every_night_and_tells_what_it_finds() {
    use functions::reconcile::{Job, handle};
    let mut shop = TestShop::new(1_701).await;
    let work = a_days_work(&mut shop).await;
    shop.pass(DAY);
    let job = |job: Job| acting_as("reconcile", handle(&shop.app, job));
    let done = job(Job::AuditNight).await.unwrap();
    assert_eq!(done.report.unwrap().scope, Scope::Full);
    let done = job(Job::AuditNight).await.unwrap();
    let report = done.report.unwrap();
    assert_eq!((report.scope, report.differences), (Scope::Evidence, 0));
    for again in [Job::AuditNight, Job::Evidence] {
        assert_eq!(job(again).await.unwrap().report, None, "once in half a day");
    }
    delete(&shop, &item_of(&shop, &work.delivered.order));
    shop.pass(13 * HOUR);
    let report = job(Job::Evidence).await.unwrap().report.unwrap();
    assert_eq!(short(&report.findings), [("evidence_missing".to_owned(), work.delivered.order.clone())]);
    // It stays where a person sees it, and rings once.
    let rung =
        |shop: &TestShop| shop.world.numbers.take().iter().filter(|line| line.contains("AuditDifferences\":1")).count();
    assert_eq!(rung(&shop), 1);
    shop.pass(13 * HOUR);
    assert_eq!(job(Job::Evidence).await.unwrap().report.unwrap().findings, report.findings);
    assert_eq!(rung(&shop), 0);
    let rows = shop.attention().await;
    assert!(rows.contains(&("audit".to_owned(), "differences".to_owned())), "{rows:?}");
    let (status, answer) = shop.sell(Method::GET, "/api/admin/reports/audit", &json!({})).await;
    let of = |report: &&Value| report["scope"] == "evidence";
    let report = answer["reports"].as_array().unwrap().iter().find(of).unwrap();
    assert_eq!((status, &report["last_seal"]["day"], &report["differences"]), (200, &json!("2026-11-25"), &json!(1)));
    // While the shop is closed because it was put back, nothing is sealed of what may be half.
    shop.app.close_shop().await.unwrap();
    let names = shop.world.evidence.names().unwrap();
    shop.pass(2 * DAY);
    let done = job(Job::Evidence).await.unwrap();
    assert!(done.report.is_none_or(|report| report.scope == Scope::Restored));
    assert_eq!(acting_as("reconcile", shop.app.audit(Scope::Evidence, i64::MAX)).await, Ok(None));
    assert_eq!(shop.world.evidence.names().unwrap(), names);
}

/// The published day: another implementation of the encoding made its list and its seal.
#[tokio::test(start_paused = true)]
async fn the_published_day_is_sealed_as_published() {
    let vector: Value = serde_json::from_str(include_str!("../vectors/evidence.json")).unwrap();
    let secret = app::keys::Secret32::from_hex(text(&vector, "/secret")).unwrap();
    let mut shop = TestShop::open_with(1_702, None, |own| own.shop = secret).await;
    shop.leave_unfinished();
    for item in vector["items"].as_array().unwrap() {
        put(&shop, item);
    }
    let report = first_night(&shop).await;
    let read =
        |name: &str| -> Value { serde_json::from_slice(&shop.world.evidence.read(name).unwrap().unwrap()).unwrap() };
    assert_eq!(read("lists/2026-11-22/001/00000.json"), vector["list"]);
    assert_eq!(read("seals/2026-11-23.json"), vector["seal"]);
    assert_eq!(report.last_seal.unwrap().hash, text(&vector, "/hash"));
    let order = shop.app.store.recorded(&[vec![2; 15]], true).await.unwrap().remove(0);
    for (fact, said) in vector["encoded"].as_object().unwrap() {
        assert_eq!(app::keys::hex(&order.facts[fact]), said.as_str().unwrap(), "{fact}");
    }
}
