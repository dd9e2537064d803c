//! What a deployment costs: requests, calls and units counted on the local world, times dated list prices. Money is kept in
//! picodollars, so that nothing is rounded before the end.

use crate::shop::{cards, create_from, notify, wish};
use crate::taps::{CALL, Counter};
use crate::{Buyer, TestShop, Visitor};
use app::meter::Metric;
use local::Front;
use local::roles::acting_as;
use std::sync::Arc;
use tokio::time::Instant;

/// 10⁻¹² US dollars.
type Pico = u128;

const DOLLAR: Pico = 1_000_000_000_000;

/// List prices of us-east-1 without any free tier, in picodollars. As published on 2026-11-22's pages or, where marked, earlier.
pub mod price {
    use super::Pico;
    /// HTTP API, one request of up to 512 KB: 1.00 USD a million.
    pub const API_REQUEST: Pico = 1_000_000;
    /// Lambda, one request: 0.20 USD a million.
    pub const INVOCATION: Pico = 200_000;
    /// Lambda, x86, one GB for one millisecond: 0.0000166667 USD a GB-second.
    pub const GB_MS: Pico = 16_667;
    /// DynamoDB on demand, one write unit: 0.625 USD a million (since 2024-11-01).
    pub const WRITE_UNIT: Pico = 625_000;
    /// DynamoDB on demand, one read unit: 0.125 USD a million (since 2024-11-01).
    pub const READ_UNIT: Pico = 125_000;
    /// DynamoDB, a GB kept for a month with point-in-time recovery: 0.25 + 0.20 USD.
    pub const GB_MONTH: Pico = 450_000_000_000;
    /// SQS standard, one request of up to 64 KB: 0.40 USD a million.
    pub const QUEUE_REQUEST: Pico = 400_000;
    /// CloudWatch Logs, a byte taken in: 0.50 USD a GB.
    pub const LOG_BYTE: Pico = 500;
    /// KMS, a customer's key for a month: 1.00 USD.
    pub const KEY_MONTH: Pico = 1_000_000_000_000;
    /// CloudWatch, a metric of one's own with one set of dimensions, for a month: 0.30 USD.
    pub const METRIC_MONTH: Pico = 300_000_000_000;
    /// CloudWatch, an alarm on one metric of standard resolution for a month: 0.10 USD.
    pub const ALARM_MONTH: Pico = 100_000_000_000;
    /// CloudWatch, an alarm on one metric of high resolution for a month: 0.30 USD.
    pub const FAST_ALARM_MONTH: Pico = 300_000_000_000;
    /// CloudWatch, a dashboard for a month: 3.00 USD.
    pub const DASHBOARD_MONTH: Pico = 3_000_000_000_000;
    /// A virtual server with 2 processors and 2 GB at the same provider (Lightsail, Linux, public IPv4): 12.00 USD a month.
    pub const SERVER_MONTH: Pico = 12_000_000_000_000;
}

/// What is taken for granted and not counted.
pub mod assumed {
    /// Microseconds of a DynamoDB or SQS call from Lambda: the median of a PutItem, 7.55 ms.
    /// Source: alexdebrie/dynamodb-performance-testing, README, 400 runs in 2020.
    pub const CALL_US: u128 = 7_550;
    /// Microseconds of an invocation beside its calls: a warm Rust function's 1.46 ms (maxday/lambda-perf, 2025-12-21), and as much again.
    pub const OWN_US: u128 = 3_000;
    /// Memory of a function, in 1/1024 of a GB.
    pub const MEMORY_MB: u128 = 512;
    /// Bytes an invocation writes into its log: Lambda's three lines and one of ours.
    pub const LOG_BYTES: u128 = 900;
    /// Requests that an idle event source makes: five pollers, each waiting 20 seconds.
    pub const IDLE_POLLS_PER_MONTH: u128 = 5 * 3 * 60 * 24 * 30;
    /// Bytes that DynamoDB adds to an item in billing.
    pub const ITEM_OVERHEAD: u128 = 100;
}

/// Counted use. Everything is a sum over all that was run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Use {
    /// Requests through the front.
    pub requests: u128,
    /// Invocations of functions.
    pub invocations: u128,
    /// Calls that waited for each other, over all invocations.
    pub depth: u128,
    /// Write units in thousandths, indexes included.
    pub milli_writes: u128,
    /// Read units in thousandths.
    pub milli_reads: u128,
    /// Requests to queues.
    pub queue: u128,
}

impl Use {
    /// What it costs.
    fn cost(&self) -> Pico {
        let us = self.depth * assumed::CALL_US + self.invocations * assumed::OWN_US;
        // Billed by the started millisecond of each invocation: half a millisecond more on average.
        let ms = us / 1_000 + self.invocations / 2;
        self.requests * price::API_REQUEST
            + self.invocations * (price::INVOCATION + assumed::LOG_BYTES * price::LOG_BYTE)
            + ms * assumed::MEMORY_MB * price::GB_MS / 1_024
            + self.milli_writes * price::WRITE_UNIT / 1_000
            + self.milli_reads * price::READ_UNIT / 1_000
            + self.queue * price::QUEUE_REQUEST
    }

    fn add(&mut self, other: Use) {
        self.requests += other.requests;
        self.invocations += other.invocations;
        self.depth += other.depth;
        self.milli_writes += other.milli_writes;
        self.milli_reads += other.milli_reads;
        self.queue += other.queue;
    }
}

/// Watches one function instance.
struct Meter {
    counter: Arc<Counter>,
}

impl Meter {
    /// What some work used: one invocation, and a request through the front where it came that way.
    async fn of<T>(&self, by_request: bool, work: impl Future<Output = T>) -> (T, Use) {
        self.counter.take();
        let started = Instant::now();
        let done = work.await;
        let mut used = Use { requests: u128::from(by_request), invocations: 1, ..Use::default() };
        // Every call takes the same virtual time and nothing else takes any.
        used.depth = started.elapsed().as_millis() / CALL.as_millis();
        for seen in self.counter.take() {
            used.milli_writes += thousandths(seen.writes + seen.index_writes);
            used.milli_reads += thousandths(seen.reads);
            used.queue += u128::from(seen.target.starts_with("AmazonSQS"));
        }
        (done, used)
    }
}

/// Capacity units come in halves; a thousandth is finer than any.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn thousandths(units: f64) -> u128 {
    (units * 1_000.0).round() as u128
}

/// One order's way through one kind of client, added up over `orders` of them.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// Orders that were run.
    pub orders: u128,
    /// What they used.
    pub used: Use,
}

/// Runs in virtual time: the caller's runtime must have a paused clock.
struct Bench {
    shop: TestShop,
    front: Front,
    app: Arc<app::App>,
    meter: Meter,
}

impl Bench {
    async fn new(seed: u64, products: usize, stock: usize) -> Bench {
        let shop = TestShop::limited(seed, 3, 30).await;
        for n in 0..products {
            shop.product(&format!("p{n}"), 990, &cards(&format!("CARD-{n}"), stock)).await;
        }
        let counter = Arc::new(Counter::default());
        let (front, app) = shop.tapped(counter.clone());
        Bench { shop, front, app, meter: Meter { counter } }
    }

    /// Takes one message from the queue and delivers it. The event source receives and deletes it in batches; a batch of one is
    /// the dearest.
    async fn deliver(&self) -> Use {
        let mut message = self.shop.world.sqs.dump(self.shop.world.queue_name()).unwrap();
        let message = app::DeliverMessage::from_body(&message.remove(0).body).unwrap();
        let (_, mut used) = self.meter.of(false, acting_as("deliver", self.app.deliver(&message))).await;
        self.shop.deliver_all().await;
        used.queue += 2;
        used
    }

    async fn pay(&self, buyer: &Buyer, number: usize) -> Use {
        let query = self.shop.notification(buyer, &format!("T{number}"));
        let ((status, _), used) = self.meter.of(true, notify(&self.front, &query)).await;
        assert_eq!(status, 200);
        used
    }

    /// A program: create, three looks at the order, the keys.
    async fn by_program(&self, number: usize) -> Use {
        let mut total = Use::default();
        let mut body = wish("p0", 1);
        body["contact"] = format!("buyer-{number}@example.com").into();
        let (key, address) = (format!("cost-order-{number:06}"), format!("10.1.{}.{}", number / 250, number % 250));
        let ((status, answer), used) = self.meter.of(true, create_from(&self.front, &key, &body, &address)).await;
        assert_eq!(status, 201, "{answer}");
        total.add(used);
        let buyer = Buyer::from(&answer);
        total.add(self.pay(&buyer, number).await);
        total.add(self.deliver().await);
        for path in ["", "", "", "/keys"] {
            let path = format!("/api/orders/{}{path}", buyer.order);
            let ((status, answer), used) =
                self.meter.of(true, crate::shop::get(&self.front, &path, &buyer.token)).await;
            assert_eq!(status, 200, "{answer}");
            total.add(used);
        }
        total
    }

    /// A phone that comes for the first time: shop, product, their files, the form, the order's page, ten looks at it while the
    /// buyer pays, the page again, and its keys.
    async fn by_phone(&self, number: usize) -> Use {
        let mut total = Use::default();
        let mut phone = Visitor::new(&self.front);
        let (shop, used) = self.meter.of(true, phone.get("/")).await;
        total.add(used);
        let (product, used) = self.meter.of(true, phone.get("/p/p0")).await;
        total.add(used);
        let files = files_of(&[&shop.body, &product.body]);
        for file in files {
            let (page, used) = self.meter.of(true, phone.get(&file)).await;
            assert_eq!(page.status, 200, "{file}");
            total.add(used);
        }
        let contact = format!("phone-{number}@example.com");
        let (nonce, price) = (product.input("nonce"), product.input("price_seen"));
        let fields = [("nonce", nonce.as_str()), ("price_seen", &price), ("quantity", "1"), ("contact", &contact)];
        let (made, used) = self.meter.of(true, phone.post("/p/p0", &fields)).await;
        assert_eq!(made.status, 303, "{}", made.body);
        total.add(used);
        let path = made.header("location").to_owned();
        let (page, used) = self.meter.of(true, phone.get(&path)).await;
        total.add(used);
        for file in files_of(&[&page.body]) {
            total.add(self.meter.of(true, phone.get(&file)).await.1);
        }
        for _ in 0..10 {
            total.add(self.meter.of(true, phone.get(&format!("{path}?part=main"))).await.1);
        }
        let id = path.trim_start_matches("/o/").to_owned();
        let token = self.shop.app.keys.order_token(&domain::OrderId::parse(&id).unwrap(), 0);
        let (status, read) = crate::shop::get(self.shop.front(), &format!("/api/orders/{id}"), &token).await;
        assert_eq!(status, 200, "{read}");
        let attempt = crate::text(&read, "/payment/attempt").to_owned();
        let buyer = Buyer { order: id, token, attempt, minor: 990 };
        total.add(self.pay(&buyer, 100_000 + number).await);
        total.add(self.deliver().await);
        total.add(self.meter.of(true, phone.get(&path)).await.1);
        // As the page's script asks.
        phone.headers.push(("x-part", "keys".to_owned()));
        let (keys, used) = self.meter.of(true, phone.post(&format!("{path}/keys"), &[])).await;
        assert_eq!(keys.status, 200, "{}", keys.body);
        total.add(used);
        total
    }
}

/// The style sheets, scripts and icons that pages name.
fn files_of(pages: &[&str]) -> Vec<String> {
    let mut files: Vec<String> = pages
        .iter()
        .flat_map(|page| page.split('"').filter(|part| part.starts_with("/assets/")).map(str::to_owned))
        .collect();
    files.sort();
    files.dedup();
    files
}

/// Everything that is counted.
#[derive(Clone, Debug)]
pub struct Bill {
    /// Orders of programs.
    pub program: Counted,
    /// Orders of phones.
    pub phone: Counted,
    /// The timer's passes of a minute in which nothing happens, in a shop of twenty products.
    pub idle_minute: Use,
    /// An hour's audit there.
    pub idle_hour: Use,
    /// The timer's share in a busy minute of 833 orders, as in a day of 1.2 million.
    pub busy_minute: Use,
    /// Bytes that 833 orders leave in the tables, stock included, as billed.
    pub kept: u128,
}

/// Orders that are run of each kind.
const ORDERS: usize = 96;

/// Orders in a minute of a day of 1.2 million.
const BUSY: usize = 833;

/// Counts. Needs a runtime with a paused clock.
pub async fn count() -> Bill {
    let mut bill = Bill {
        program: Counted { orders: ORDERS as u128, used: Use::default() },
        phone: Counted { orders: ORDERS as u128, used: Use::default() },
        idle_minute: Use::default(),
        idle_hour: Use::default(),
        busy_minute: Use::default(),
        kept: 0,
    };
    let bench = Box::pin(Bench::new(71, 1, 2 * ORDERS + 60)).await;
    // The first order of an instance reads what later ones remember.
    Box::pin(bench.by_program(999_999)).await;
    for number in 0..ORDERS {
        bill.program.used.add(Box::pin(bench.by_program(number)).await);
        bill.phone.used.add(Box::pin(bench.by_phone(number)).await);
    }

    let idle = Box::pin(Bench::new(72, 20, 100)).await;
    Box::pin(idle.shop.minutes(3)).await;
    bill.idle_minute = idle.meter.of(false, acting_as("reconcile", Box::pin(idle.app.reconcile(i64::MAX)))).await.1;
    bill.idle_hour =
        idle.meter.of(false, acting_as("reconcile", Box::pin(idle.app.audit(app::Scope::Recent, i64::MAX)))).await.1;

    let busy = Box::pin(Bench::new(73, 1, BUSY + 60)).await;
    for number in 0..BUSY {
        Box::pin(busy.by_program(number)).await;
    }
    busy.shop.pass(60_000);
    bill.busy_minute = busy.meter.of(false, acting_as("reconcile", Box::pin(busy.app.reconcile(i64::MAX)))).await.1;
    bill.kept = kept(&busy.shop);
    bill
}

fn kept(shop: &TestShop) -> u128 {
    let tables = shop.tables();
    let items = tables.values().flatten();
    // JSON writes names and types out and binary longer by a third, so this is more than what is billed.
    items.map(|item| item.len() as u128 + assumed::ITEM_OVERHEAD).sum()
}

fn dollars(pico: Pico) -> String {
    let cents_hundredths = (pico + DOLLAR / 20_000) / (DOLLAR / 10_000);
    format!("{}.{:04}", cents_hundredths / 10_000, cents_hundredths % 10_000)
}

/// Whole cents.
fn cents(pico: Pico) -> String {
    let cents = (pico + DOLLAR / 200) / (DOLLAR / 100);
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn thousandth(value: u128, of: u128) -> String {
    let milli = (value * 10 + of / 2) / of;
    format!("{}.{}", milli / 10, milli % 10)
}

/// What stands by month whether or not anybody buys: alarms and the dashboard of the template, and every metric there is.
fn standing() -> (u128, u128, u128, u128) {
    let template = crate::template::template();
    let (mut slow, mut fast) = (0, 0);
    for id in crate::template::of_type(template, "AWS::CloudWatch::Alarm") {
        let alarm = crate::template::properties(template, id);
        let single = vec![alarm.clone()];
        let parts: Vec<serde_json::Value> = match alarm["Metrics"].as_array() {
            Some(parts) => {
                parts.iter().filter(|p| !p["MetricStat"].is_null()).map(|p| p["MetricStat"].clone()).collect()
            }
            None => single,
        };
        for part in parts {
            if part["Period"].as_i64().is_some_and(|period| period < 60) { fast += 1 } else { slow += 1 }
        }
    }
    let dashboards = crate::template::of_type(template, "AWS::CloudWatch::Dashboard").len();
    (slow, fast, Metric::ALL.len() as u128, dashboards as u128)
}

/// The page of the README, between its two marks, in English or in Chinese.
pub fn page(bill: &Bill, chinese: bool) -> String {
    let say = |english: &str, other: &str| if chinese { other.to_owned() } else { english.to_owned() };
    let per = |counted: &Counted| counted.used.cost() * 1_000 / counted.orders;
    let row = |name: &str, counted: &Counted| {
        let of = counted.orders;
        format!(
            "| {name} | {} | {} | {} | {} | {} | **{}** |\n",
            thousandth(counted.used.requests, of),
            thousandth(counted.used.invocations, of),
            thousandth(counted.used.milli_writes, of * 1_000),
            thousandth(counted.used.milli_reads, of * 1_000),
            thousandth(counted.used.queue, of),
            dollars(per(counted)),
        )
    };
    let mut page = say(
        "| an order of | requests | invocations | write units | read units | queue | USD per 1,000 orders |\n",
        "| 一笔订单 | 请求 | 函数调用 | 写单位 | 读单位 | 队列 | 每 1,000 单，美元 |\n",
    );
    page += "|---|--:|--:|--:|--:|--:|--:|\n";
    let program = say(
        "a program: create, notification, delivery, 3 status calls, keys",
        "程序下单：创建、通知、发货、查 3 次状态、取卡密",
    );
    let phone = say(
        "a phone that comes for the first time: pages, files, 10 status calls, keys",
        "第一次来的手机：页面、静态文件、查 10 次状态、取卡密",
    );
    page += &row(&program, &bill.program);
    page += &row(&phone, &bill.phone);

    let line = |english: &str, other: &str, cost: Pico| format!("| {} | {} |\n", say(english, other), cents(cost));
    let head = |english: &str, other: &str| format!("\n| {} |\n|---|--:|\n", say(english, other));
    let (slow, fast, metrics, dashboards) = standing();
    let timer = bill.idle_minute.cost() * 60 * 24 * 30 + bill.idle_hour.cost() * 24 * 30;
    let sources = 2 * assumed::IDLE_POLLS_PER_MONTH * price::QUEUE_REQUEST;
    let watching = slow * price::ALARM_MONTH
        + fast * price::FAST_ALARM_MONTH
        + metrics * price::METRIC_MONTH
        + dashboards * price::DASHBOARD_MONTH;
    let idle = timer + sources + watching + price::KEY_MONTH;
    page += &head("a month in which nobody buys | USD", "一个月没人买 | 美元");
    page += &line("the timer: 43,200 passes, 720 audits", "定时器：43,200 次巡检、720 次审计", timer);
    page += &line("two queues that are listened to", "监听两个队列", sources);
    page += &line("the key of the cards", "卡密的密钥", price::KEY_MONTH);
    page += &line(
        &format!(
            "watching: alarms on {slow} plain and {fast} fast metrics, {metrics} metrics of its own, {dashboards} dashboard"
        ),
        &format!("监控：{slow} 个普通和 {fast} 个快速指标上的告警、{metrics} 个自有指标、{dashboards} 个仪表盘"),
        watching,
    );
    page += &format!("| {} | **{}** |\n", say("**all**", "**合计**"), cents(idle));
    // For ever and every month: a million invocations and queue requests, five GB of logs, ten metrics, ten alarms on plain metrics,
    // three dashboards. The tables' units on demand have no free part.
    let free = |used: &Use| used.milli_reads * price::READ_UNIT / 1_000 + used.milli_writes * price::WRITE_UNIT / 1_000;
    let rest = free(&bill.idle_minute) * 60 * 24 * 30
        + free(&bill.idle_hour) * 24 * 30
        + (2 * assumed::IDLE_POLLS_PER_MONTH).saturating_sub(1_000_000) * price::QUEUE_REQUEST
        + slow.saturating_sub(10) * price::ALARM_MONTH
        + fast * price::FAST_ALARM_MONTH
        + metrics.saturating_sub(10) * price::METRIC_MONTH
        + price::KEY_MONTH;
    page +=
        &line("the same, less what AWS gives everybody free for ever", "同上，扣除 AWS 对所有人永久免费的部分", rest);
    page += &line(
        "a virtual server (2 processors, 2 GB), which also must be looked after",
        "一台云服务器（2 核 2 GB），还得有人维护",
        price::SERVER_MONTH,
    );

    let orders: Pico = 1_200_000;
    let (programs, phones) = (per(&bill.program) * orders / 1_000, per(&bill.phone) * orders / 1_000);
    let kept = bill.kept * orders / BUSY as u128;
    page += &head("1.2 million orders in a day | USD", "一天 120 万单 | 美元");
    page += &line("all by programs", "全部由程序下单", programs);
    page += &line("all by phones that come for the first time", "全部来自第一次来的手机", phones);
    page += &line("the timer on that day", "当天的定时器", bill.busy_minute.cost() * 60 * 24);
    let size = format!("{}.{} GB", kept / 1_000_000_000, kept / 100_000_000 % 10);
    page += &line(
        &format!("to keep them for a month ({size})"),
        &format!("保存一个月（{size}）"),
        kept * price::GB_MONTH / 1_000_000_000,
    );
    page
}

/// What begins and ends the page in the README.
pub const MARKS: (&str, &str) = ("<!-- cost: begin -->\n", "<!-- cost: end -->");
