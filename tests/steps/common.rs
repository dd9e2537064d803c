//! What the tests of this binary share: the loop over all cuts, calls that are frozen, and what every end must look like.

use local::Front;
use local::gateway::GatewayRequest;
use local::seam::{Call, Fate, Tap};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Table;
use tests::shop::{self, PID, TestShop};
use tests::taps::{Cut, Cutter};
use tests::{Buyer, text};
use tokio::sync::Notify;

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;

/// Runs a round for every call and every kind of cut, until the round makes fewer calls than that; the round is told its
/// number and what to say when it fails.
pub async fn everywhere(least: usize, mut round: impl AsyncFnMut(usize, &str, Arc<Cutter>)) {
    let mut runs = 0;
    for how in Cut::ALL {
        for at in 1.. {
            runs += 1;
            let cutter = Arc::new(Cutter::new(at, how));
            round(runs, &format!("{how:?} call {at}"), cutter.clone()).await;
            if cutter.calls() < at {
                assert!(at > least, "at least {least} calls are made; the cut was reached {} times", at - 1);
                break;
            }
        }
    }
}

/// A call that is picked out by what it says.
type Picked = Box<dyn Fn(&Call, &str) -> bool + Send + Sync>;

/// Does something to the first call that is picked out.
pub struct Once {
    picked: Picked,
    fate: Fate,
    met: AtomicBool,
    death: Notify,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("fate", &self.fate).field("met", &self.met).finish_non_exhaustive()
    }
}

impl Once {
    /// Does `fate` to the first call of `operation` whose text holds `mark`.
    pub fn new(operation: &'static str, mark: &'static str, fate: Fate) -> Arc<Once> {
        let picked = move |call: &Call, text: &str| call.operation() == operation && text.contains(mark);
        Arc::new(Once { picked: Box::new(picked), fate, met: AtomicBool::new(false), death: Notify::new() })
    }

    /// Freezes a function at that call for so many hours.
    pub fn frozen(operation: &'static str, mark: &'static str, hours: u64) -> Arc<Once> {
        Once::new(operation, mark, Fate::Delay(Duration::from_secs(hours * 3_600)))
    }

    /// Whether the call was met: a fate that met nothing proves nothing.
    pub fn was_met(&self) -> bool {
        self.met.load(Ordering::SeqCst)
    }

    /// Waits until the call was met. The caller's own task must be running elsewhere.
    pub async fn meets(&self) {
        for _ in 0..100_000 {
            if self.was_met() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("the call was never made");
    }

    /// Runs a task until it ends or dies.
    pub async fn run<T>(&self, task: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = task => Some(done),
            () = self.death.notified() => None,
        }
    }
}

impl Tap for Once {
    fn fate(&self, call: &Call) -> Fate {
        if (self.picked)(call, &String::from_utf8_lossy(&call.body)) && !self.met.swap(true, Ordering::SeqCst) {
            return self.fate.clone();
        }
        Fate::Pass
    }

    fn died(&self) {
        self.death.notify_one();
    }
}

/// One tap above another: the second is asked about what the first leaves alone.
#[derive(Debug)]
pub struct Both(pub Arc<dyn Tap>, pub Arc<dyn Tap>);

impl Tap for Both {
    fn fate(&self, call: &Call) -> Fate {
        match (self.0.fate(call), self.1.fate(call)) {
            (Fate::Pass, fate) => fate,
            (fate, _) => fate,
        }
    }

    fn died(&self) {
        self.0.died();
        self.1.died();
    }
}

/// A POST of JSON through any instance.
pub async fn post(front: &Front, path: &str, token: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request =
        http::Request::builder().method("POST").uri(path).header("authorization", format!("Bearer {token}"));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    shop::send(front, request.body(body.to_string().into_bytes()).unwrap()).await
}

/// Something a buyer does with an order: `cancel`, `check`.
pub async fn act(front: &Front, buyer: &Buyer, what: &str) -> (u16, Value) {
    post(front, &format!("/api/orders/{}/{what}", buyer.order), &buyer.token, None, &json!({})).await
}

/// What a seller sees of an order.
pub async fn seen_by_seller(shop: &TestShop, buyer: &Buyer) -> Value {
    let token = shop.sign_in().await;
    let path = format!("/api/admin/orders/{}", buyer.order);
    let (status, order) = shop.admin(http::Method::GET, &path, &token, String::new()).await;
    assert_eq!(status, 200, "{order}");
    order
}

/// Rows of the list of what needs a person, of one kind.
pub async fn rows(shop: &TestShop, kind: &str) -> Vec<Value> {
    let token = shop.sign_in().await;
    let (status, answer) = shop.admin(http::Method::GET, "/api/admin/attention", &token, String::new()).await;
    assert_eq!(status, 200, "{answer}");
    answer["rows"].as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}

/// Changes a product and lets every instance forget what it remembered of it.
pub async fn change_product(shop: &TestShop, id: &str, change: &Value) {
    let token = shop.sign_in().await;
    let path = format!("/api/admin/products/{id}");
    let (status, answer) = shop.admin(http::Method::PATCH, &path, &token, change.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    shop.pass(3_000);
}

/// What the gateway's merchant has: what arrived there and did not go back, in fen.
pub fn balance(shop: &TestShop) -> i64 {
    let answer = shop.world.gateway.handle(&GatewayRequest {
        method: "GET".to_owned(),
        path: "/sandbox/api.php".to_owned(),
        query: format!("act=query&pid={PID}&key={}", shop.key),
        headers: Vec::new(),
        body: Vec::new(),
    });
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    domain::money::parse_minor(text(&answer, "/money"), 2).unwrap()
}

/// A notification from a channel account other than the usual one.
pub async fn notify_at(front: &Front, account: &str, query: &str) -> (u16, Value) {
    let request = http::Request::builder().uri(format!("/webhooks/{account}?{query}")).body(Vec::new()).unwrap();
    shop::send(front, request).await
}

/// Takes every message out of the delivery queue undelivered, as a queue that lost them; answers how many.
pub async fn lose_messages(shop: &TestShop) -> usize {
    let url = local::sqs::Sqs::queue_url(shop.world.queue_name());
    let mut lost = 0;
    loop {
        let receive = json!({"QueueUrl": url, "MaxNumberOfMessages": 10});
        let answer = shop.world.sqs.handle("AmazonSQS.ReceiveMessage", receive.to_string().as_bytes()).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        let Some(messages) = answer["Messages"].as_array().filter(|list| !list.is_empty()) else { return lost };
        for message in messages {
            let delete = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
            let answer = shop.world.sqs.handle("AmazonSQS.DeleteMessage", delete.to_string().as_bytes()).await;
            assert_eq!(answer.status, 200);
            lost += 1;
        }
    }
}

/// Messages in the delivery queue.
pub fn messages(shop: &TestShop) -> usize {
    shop.world.sqs.dump(shop.world.queue_name()).unwrap().len()
}

/// What stands in the index of unfinished business: state, kind and time of each.
pub fn due(shop: &TestShop) -> Vec<String> {
    let mut found = Vec::new();
    for item in shop.table(Table::Orders) {
        let item: Value = serde_json::from_str(&item).unwrap();
        if item["due"].is_object() {
            found.push(format!("{} {} {}", item["st"]["S"], item["due"]["S"], item["due_at"]["N"]));
        }
    }
    found
}

/// Holds end, and then a day and an hour go by, so that no provider lets anything be paid any more; the timer goes on.
pub async fn a_day_later(shop: &TestShop) {
    shop.pass(30 * MINUTE);
    shop.minutes(1).await;
    shop.pass(25 * HOUR);
    shop.minutes(2).await;
}

/// What every end must look like: no difference, no claim without a reason, no message, nobody who paid and waits, and the cards
/// of every product adding up.
pub async fn is_whole(shop: &TestShop, products: &[&str]) {
    let report = shop.audit().await;
    assert_eq!((report.differences, report.in_motion), (0, 0), "{report:#?}");
    for product in products {
        let counts = shop.counts(product).await;
        let number = |name: &str| counts[name].as_u64().unwrap();
        let sum = number("free") + number("held") + number("sold") + number("removed");
        assert_eq!(sum, number("imported"), "{counts}");
    }
    for queue in [shop.world.queue_name(), shop.world.dead_letter_name()] {
        assert_eq!(shop.world.sqs.dump(queue).unwrap().len(), 0, "{queue}");
    }
    let waits = |o: &String| o.contains(r#""st":{"S":"PAID"}"#) || o.contains(r#""st":{"S":"LATE"}"#);
    let waiting: Vec<String> = shop.table(Table::Orders).into_iter().filter(waits).collect();
    assert_eq!(waiting, Vec::<String>::new());
}

/// Keys of several buyers are each somebody's alone.
pub async fn all_keys(shop: &TestShop, buyers: &[&Buyer]) -> usize {
    let mut all = Vec::new();
    for buyer in buyers {
        all.extend(shop.keys(buyer).await);
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "one key shown to two buyers");
    count
}
