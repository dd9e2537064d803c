//! A shop with its alarms, in virtual time.

use functions::reconcile::{self, Job};
use http::{Method, Request};
use local::alarms::{Alarms, Data, Names, Series, State, StateChange};
use local::seam::{Call, Fate, Tap};
use local::sqs::Sqs;
use local::{Front, poller};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::shop::{self, START};
use tests::template::template;
use tests::{Buyer, TestShop};

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60_000;
/// By then a delivery message that failed comes again.
pub const HIDDEN: i64 = domain::limits::DELIVERY_HIDDEN_SECONDS as i64 * SECOND + SECOND;

/// The alarms of the deployment.
pub fn resources() -> Value {
    template()["Resources"].clone()
}

/// What the deployment's names stand for here.
pub fn names() -> Names {
    let pairs = [
        ("AWS::StackName", "kamivend"),
        ("DeliverQueue.QueueName", "kamivend-deliver"),
        ("DeliverDeadLetters.QueueName", "kamivend-deliver-dead"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A metric of a namespace with one dimension.
pub fn series(namespace: &str, name: &str, dimension: (&str, &str)) -> Series {
    let dimensions = [(dimension.0.to_owned(), dimension.1.to_owned())].into();
    Series { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
}

/// A shop, what was counted in it, and its alarms.
pub struct Watched {
    pub shop: TestShop,
    pub data: Data,
    pub alarms: Alarms,
    /// Every line that was written.
    pub lines: Vec<String>,
    pub changes: Vec<StateChange>,
    /// Whether EventBridge calls the timer every minute, so that AWS counts it. What the timer does, a test has done by
    /// [`Watched::timer`] where it matters.
    pub is_timer_on: bool,
    seen: i64,
}

impl Watched {
    pub async fn new(seed: u64) -> Watched {
        Watched::over(TestShop::new(seed).await)
    }

    /// A shop that was made otherwise.
    pub fn over(shop: TestShop) -> Watched {
        let mut watched = Watched::newborn(shop);
        // The stack is older than the test.
        watched.count_timer(START - 10 * MINUTE, START);
        watched
    }

    /// A shop whose stack is made in this moment.
    pub fn newborn(shop: TestShop) -> Watched {
        let alarms = Alarms::read(&resources(), &names()).unwrap();
        let (data, lines, changes) = (Data::default(), Vec::new(), Vec::new());
        Watched { shop, data, alarms, lines, changes, is_timer_on: true, seen: START }
    }

    pub fn now(&self) -> i64 {
        self.shop.app.clock.now()
    }

    /// Reads what was written, and judges the alarms up to now.
    pub fn look(&mut self) {
        for line in self.shop.world.numbers.take() {
            self.data.read(&line).unwrap();
            self.lines.push(line);
        }
        let now = self.now();
        self.changes.extend(self.alarms.watch(&self.data, self.seen, now));
        self.seen = now;
    }

    /// Time passes, and alarms are judged.
    pub fn pass(&mut self, ms: i64) {
        let before = self.now();
        self.shop.pass(ms);
        if self.is_timer_on {
            self.count_timer(before, self.now());
        }
        self.look();
    }

    fn count_timer(&mut self, from: i64, until: i64) {
        let invocations = series("AWS/Lambda", "Invocations", ("FunctionName", "ReconcileFunction"));
        for minute in from.div_euclid(MINUTE) + 1..=until.div_euclid(MINUTE) {
            self.data.put(invocations.clone(), minute * MINUTE, 1.0, false);
        }
    }

    /// The timer, as EventBridge calls it, and what AWS counts about it and about the queues.
    pub async fn timer(&mut self, job: Job) {
        let done = reconcile::handle(&self.shop.app, job).await;
        let function = ("FunctionName", "ReconcileFunction");
        self.aws("AWS/Lambda", "Errors", function, if done.is_err() { 1.0 } else { 0.0 });
        for queue in [self.shop.world.queue_name(), self.shop.world.dead_letter_name()] {
            let depth = self.shop.world.sqs.depth(queue).unwrap().visible;
            let visible = "ApproximateNumberOfMessagesVisible";
            self.aws("AWS/SQS", visible, ("QueueName", queue), depth as f64);
        }
    }

    /// A number that AWS counts by itself.
    pub fn aws(&mut self, namespace: &str, name: &str, dimension: (&str, &str), value: f64) {
        self.data.put(series(namespace, name, dimension), self.now(), value, false);
    }

    /// Minutes with a pass of the timer and deliveries in each.
    pub async fn minutes(&mut self, count: usize) {
        for _ in 0..count {
            self.pass(MINUTE);
            self.timer(Job::Reconcile).await;
            self.shop.deliver_all().await;
            self.look();
        }
    }

    /// When an alarm first went into a state after `from`, by the end of its name.
    pub fn first(&self, alarm: &str, state: State, from: i64) -> Option<i64> {
        let name = format!("kamivend-{alarm}");
        let mut changes = self.changes.iter();
        changes.find(|c| c.definition.name == name && c.new == state && c.at > from).map(|c| c.at)
    }

    /// Every alarm that ever rang.
    pub fn rang(&self) -> Vec<String> {
        let rang = self.changes.iter().filter(|c| is_fault(c));
        rang.map(|c| c.definition.name.trim_start_matches("kamivend-").to_owned()).collect()
    }

    /// A message that no delivery can read.
    pub async fn poison(&self) {
        let body =
            json!({"QueueUrl": Sqs::queue_url(self.shop.world.queue_name()), "MessageBody": "no message of ours"});
        let answer = self.shop.world.sqs.handle("AmazonSQS.SendMessage", body.to_string().as_bytes()).await;
        assert_eq!(answer.status, 200);
    }

    /// One batch through the default instance.
    pub async fn deliver_once(&self) -> poller::Polled {
        poller::poll(&self.shop.world, &self.shop.app, 0).await
    }
}

/// Whether a change rings: an alarm, or data that stay away where that is what is waited for.
pub fn is_fault(change: &StateChange) -> bool {
    let silent = change.definition.properties.contains_key("InsufficientDataActions");
    change.new == State::Alarm || (change.new == State::InsufficientData && silent)
}

/// "I have paid", through an instance.
pub async fn check(front: &Front, buyer: &Buyer) -> u16 {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("/api/orders/{}/check", buyer.order))
        .header("authorization", format!("Bearer {}", buyer.token))
        .body(Vec::new())
        .unwrap();
    shop::send(front, request).await.0
}

/// What is broken, as long as it is.
#[derive(Debug)]
pub struct Broken {
    what: fn(&Call) -> bool,
    fate: Fate,
    is_on: AtomicBool,
}

impl Broken {
    /// The table of ciphertexts answers nobody.
    pub fn vault() -> Arc<Broken> {
        let what = |call: &Call| String::from_utf8_lossy(&call.body).contains("kamivend-vault");
        Arc::new(Broken { what, fate: Fate::Throttle, is_on: AtomicBool::new(true) })
    }

    /// The provider answers nobody.
    pub fn provider() -> Arc<Broken> {
        Arc::new(Broken { what: Call::is_plain, fate: Fate::LoseRequest, is_on: AtomicBool::new(true) })
    }

    /// Breaks it, or mends it.
    pub fn set(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::SeqCst);
    }
}

impl Tap for Broken {
    fn fate(&self, call: &Call) -> Fate {
        if self.is_on.load(Ordering::SeqCst) && (self.what)(call) { self.fate.clone() } else { Fate::Pass }
    }
}
