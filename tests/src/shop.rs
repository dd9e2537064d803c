//! A shop in memory with a hand-held clock and seeded chance.

use crate::roles::roles;
use crate::{signed_notification, text};
use app::accounts::AccountSettings;
use app::staff::{ADMIN, PasswordHash};
use app::{App, Clock, Ids, Sender};
use domain::AccountId;
use http::{Method, Request};
use local::engine::EngineKind;
use local::roles::acting_as;
use local::seam::{Outside, Tap};
use local::secrets::LocalSecrets;
use local::sqs::State;
use local::world::Pushes;
use local::{Front, World, WorldOptions, poller};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use store::{Table, Tables};

/// When every test begins: 2026-11-22T00:00:00Z.
pub const START: i64 = 1_795_305_600_000;

/// The sandbox merchant's number.
pub const PID: &str = "1000";

/// The administrator's password in every shop that lives in memory.
pub const PASSWORD: &str = "the password of a test";

/// Its hash, made once: it is slow on purpose, and a test opens a shop in every breath.
pub static HASH: LazyLock<PasswordHash> =
    LazyLock::new(|| PasswordHash::of(PASSWORD, &Ids::from_fn(|out| out.fill(7))));

/// A test's shop. Dropped with anything unfinished, it fails the test.
pub struct TestShop {
    /// The world.
    pub world: World,
    /// The function instance that answers.
    pub app: Arc<App>,
    front: Front,
    now: Arc<AtomicI64>,
    /// The sandbox merchant's key.
    pub key: String,
    /// The administrator's password.
    pub password: String,
    unfinished_is_meant: bool,
}

/// An order from its buyer's side.
#[derive(Clone, Debug)]
pub struct Buyer {
    /// The order's id.
    pub order: String,
    /// Its token.
    pub token: String,
    /// The number of its attempt, as the provider knows it.
    pub attempt: String,
    /// The amount to pay, in fen.
    pub minor: i64,
}

impl TestShop {
    /// A shop in memory. The seed decides every id, nonce and key.
    pub async fn new(seed: u64) -> TestShop {
        TestShop::open(seed, None).await
    }

    /// A shop in a folder, or in memory.
    pub async fn open(seed: u64, folder: Option<PathBuf>) -> TestShop {
        TestShop::open_with(seed, folder, |_| {}).await
    }

    /// A shop whose secrets were changed before it opened.
    pub async fn open_with(seed: u64, folder: Option<PathBuf>, change: impl FnOnce(&mut LocalSecrets)) -> TestShop {
        let (shop, _) = TestShop::bare(seed, folder, (0, 0), Pushes::default(), change);
        shop.world.set_up().await.expect("a world that is set up");
        shop
    }

    /// A shop that limits unpaid orders by contact and by address, as production does; 0 is no limit.
    pub async fn limited(seed: u64, per_contact: u32, per_address: u32) -> TestShop {
        let (shop, _) = TestShop::bare(seed, None, (per_contact, per_address), Pushes::default(), |_| {});
        shop.world.set_up().await.expect("a world that is set up");
        shop
    }

    /// A shop with everything that a deployment has: limits, data keys wrapped by KMS, and a queue of notices.
    pub async fn deployed(seed: u64) -> TestShop {
        let pushes = Pushes {
            queue: true,
            outside: Outside::OwnMachine(app::net::production()),
            aws_endpoint: None,
            sender: Sender::Anybody,
        };
        let (shop, _) = TestShop::bare(seed, None, (3, 30), pushes, |_| {});
        shop.world.set_up().await.expect("a world that is set up");
        shop.on_kms()
    }

    /// A shop that tells its seller, over real HTTP to receivers on this machine; `aws` is where Amazon's mail service stands.
    pub async fn pushing(seed: u64, aws: Option<String>) -> TestShop {
        let outside = Outside::OwnMachine(app::net::production());
        TestShop::with_pushes(seed, Pushes { queue: true, outside, aws_endpoint: aws, sender: Sender::Anybody }).await
    }

    /// A shop whose messages leave it as these say.
    pub async fn with_pushes(seed: u64, pushes: Pushes) -> TestShop {
        let (shop, _) = TestShop::bare(seed, None, (0, 0), pushes, |_| {});
        shop.world.set_up().await.expect("a world that is set up");
        shop
    }

    /// Tables with nothing in them, of a shop with these secrets: what an import goes into.
    pub fn empty(seed: u64, secrets: &LocalSecrets) -> TestShop {
        TestShop::bare(seed, None, (0, 0), Pushes::default(), |own| own.clone_from(secrets)).0
    }

    /// A world as it stands, and its secrets.
    fn bare(
        seed: u64,
        folder: Option<PathBuf>,
        limits: (u32, u32),
        pushes: Pushes,
        change: impl FnOnce(&mut LocalSecrets),
    ) -> (TestShop, LocalSecrets) {
        let chance = Mutex::new(fastrand::Rng::with_seed(seed));
        let ids = Ids::from_fn(move |out| chance.lock().unwrap().fill(out));
        let now = Arc::new(AtomicI64::new(START));
        let clock = {
            let now = now.clone();
            Clock::from_fn(move || now.load(Ordering::SeqCst))
        };
        // The SDK's own retry jitter.
        fastrand::seed(seed);
        let mut secrets = match &folder {
            Some(folder) => LocalSecrets::open(folder, &ids).expect("secrets"),
            None => LocalSecrets::in_memory(&ids),
        };
        if folder.is_none() {
            PASSWORD.clone_into(&mut secrets.admin_password);
        }
        change(&mut secrets);
        let password_hash = (secrets.admin_password == PASSWORD).then(|| HASH.clone());
        let (key, password) = (secrets.sandbox_key.clone(), secrets.admin_password.clone());
        let world = World::bare(WorldOptions {
            folder,
            public_url: "http://127.0.0.1:3000".to_owned(),
            hold_ms: 900_000,
            orphan_ms: domain::limits::ORPHAN_AGE_MS,
            open_orders_per_contact: limits.0,
            open_orders_per_address: limits.1,
            sandbox_pid: PID.to_owned(),
            clock,
            ids,
            secrets: secrets.clone(),
            password_hash,
            pushes,
            engine: EngineKind::Embedded,
        })
        .expect("a world")
        .with_roles(roles());
        let app = Arc::new(world.app());
        let front = Front::new(world.clone(), app.clone());
        (TestShop { world, app, front, now, key, password, unfinished_is_meant: false }, secrets)
    }

    /// The same shop whose data keys are wrapped by KMS, as in a deployment.
    pub fn on_kms(mut self) -> TestShop {
        self.world = self.world.clone().with_kms();
        self.app = Arc::new(self.world.app());
        self.front = Front::new(self.world.clone(), self.app.clone());
        self
    }

    /// Another function instance over the same world: its own memory.
    pub fn instance(&self) -> Front {
        Front::new(self.world.clone(), Arc::new(self.world.app()))
    }

    /// Another function instance whose calls pass a tap.
    pub fn tapped(&self, tap: Arc<dyn Tap>) -> (Front, Arc<App>) {
        let app = Arc::new(self.world.app_with(tap, true));
        (Front::new(self.world.clone(), app.clone()), app)
    }

    /// Another function instance, on a machine whose clock is so many milliseconds ahead; behind, when below zero.
    pub fn skewed(&self, ms: i64, tap: Arc<dyn Tap>) -> (Front, Arc<App>) {
        let now = self.now.clone();
        let clock = Clock::from_fn(move || now.load(Ordering::SeqCst) + ms);
        let app = Arc::new(self.world.app_at(clock, tap, true));
        (Front::new(self.world.clone(), app.clone()), app)
    }

    /// The instance that answers by default.
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Lets time pass.
    pub fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.world.sqs.clock_moved();
    }

    /// The test means to leave orders or messages unfinished.
    pub fn leave_unfinished(&mut self) {
        self.unfinished_is_meant = true;
    }

    /// Puts a product with cards on sale, as the seller does.
    pub async fn product(&self, id: &str, price: i64, cards: &[String]) {
        let token = self.sign_in().await;
        let product = json!({
            "id": id, "name": format!("Product {id}"), "kind": "single_use_key",
            "price": {"amount_minor": price, "currency": "CNY"}, "channels": ["sandbox"],
        });
        let (status, answer) = self.admin(Method::POST, "/api/admin/products", &token, product.to_string()).await;
        assert_eq!(status, 201, "{answer}");
        if !cards.is_empty() {
            let answer = self.cards(id, cards, "").await;
            assert_eq!(answer["imported"], cards.len(), "{answer}");
        }
    }

    /// Sets up a further account: the same merchant at the same gateway under another name. `refund` is the code by which it says
    /// that money went back; without one it cannot send any.
    pub async fn account(&self, name: &str, refund: Option<i64>) {
        let base_url = format!("{}/sandbox", self.world.public_url());
        let refund = refund.map(|code| code.to_string()).unwrap_or_default();
        let settings = [("base_url", base_url.as_str()), ("pid", PID), ("key", &self.key), ("refund_code", &refund)];
        let settings = AccountSettings {
            account: AccountId::parse(name).expect("the name of an account"),
            kind: "epay_v1".to_owned(),
            settings: settings.into_iter().collect(),
            enabled: true,
            sandbox: true,
        };
        self.app.configure_channel(&settings).await.expect("an account");
    }

    /// Brings cards in, one a line.
    pub async fn cards(&self, id: &str, cards: &[String], query: &str) -> Value {
        let token = self.sign_in().await;
        let path = format!("/api/admin/products/{id}/cards{query}");
        let (status, answer) = self.admin(Method::POST, &path, &token, cards.join("\n")).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Cards by state, as the seller reads them.
    pub async fn counts(&self, id: &str) -> Value {
        let token = self.sign_in().await;
        let path = format!("/api/admin/products/{id}/cards");
        self.admin(Method::GET, &path, &token, String::new()).await.1
    }

    /// A seller's session. Made without the slow password check, which has a test of its own.
    pub async fn sign_in(&self) -> String {
        let (token, _) = self.app.open_session(self.app.clock.now());
        assert_eq!(self.app.session(&token).map(|(who, _)| who).as_deref(), Some(ADMIN));
        token
    }

    /// A seller's request.
    pub async fn admin(&self, method: Method, path: &str, token: &str, body: String) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .body(body.into_bytes())
            .unwrap();
        send(&self.front, request).await
    }

    /// A seller's request with a session of its own, and a key by which two of the same are one.
    pub async fn sell(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.sign_in().await))
            .header("idempotency-key", format!("a-request-to-{path}"))
            .body(body.to_string().into_bytes())
            .unwrap();
        send(&self.front, request).await
    }

    /// A create with this key, through the default instance.
    pub async fn create(&self, key: &str, body: &Value) -> (u16, Value) {
        create(&self.front, key, body).await
    }

    /// Orders and expects to get it.
    pub async fn order(&self, key: &str, product: &str, quantity: u32) -> Buyer {
        let (status, answer) = self.create(key, &wish(product, quantity)).await;
        assert_eq!(status, 201, "{answer}");
        Buyer::from(&answer)
    }

    /// The paid notification for an order, as the gateway signs it.
    pub fn notification(&self, buyer: &Buyer, trade_no: &str) -> String {
        self.notification_of(&buyer.attempt, trade_no, &yuan(buyer.minor), "TRADE_SUCCESS")
    }

    /// A notification with every part to choose.
    pub fn notification_of(&self, attempt: &str, trade_no: &str, money: &str, status: &str) -> String {
        let fields = [
            ("pid", PID),
            ("trade_no", trade_no),
            ("out_trade_no", attempt),
            ("type", "alipay"),
            ("name", "product"),
            ("money", money),
            ("trade_status", status),
        ];
        signed_notification(&fields, &self.key)
    }

    /// Sends a notification and answers with status and body.
    pub async fn notify(&self, query: &str) -> (u16, String) {
        notify(&self.front, query).await
    }

    /// Pays an order once and expects the acknowledgement.
    pub async fn pay(&self, buyer: &Buyer, trade_no: &str) {
        assert_eq!(self.notify(&self.notification(buyer, trade_no)).await, (200, "success".to_owned()));
    }

    /// Runs delivery until the queue is empty.
    pub async fn deliver_all(&self) {
        while poller::poll(&self.world, &self.app, 0).await.received > 0 {}
    }

    /// Tells the seller what is in the queue of notices, as far as it can be told now.
    pub async fn tell_all(&self) {
        while poller::poll_notices(&self.world, &self.app, 0).await.received > 0 {}
    }

    /// One pass of the timer.
    pub async fn tick(&self) -> app::Pass {
        acting_as("reconcile", self.app.reconcile(i64::MAX)).await.expect("a pass")
    }

    /// Time passes minute by minute, with a pass of the timer in each, and delivery after it.
    pub async fn minutes(&self, count: usize) {
        for _ in 0..count {
            self.pass(60_000);
            self.tick().await;
            self.deliver_all().await;
        }
    }

    /// An audit of everything, to its end.
    pub async fn audit(&self) -> app::Report {
        acting_as("reconcile", self.app.audit(app::Scope::Full, i64::MAX)).await.expect("an audit").expect("its end")
    }

    /// What a person sees that needs them, as pairs of kind and reason.
    pub async fn attention(&self) -> Vec<(String, String)> {
        let token = self.sign_in().await;
        let (status, answer) = self.admin(Method::GET, "/api/admin/attention", &token, String::new()).await;
        assert_eq!(status, 200, "{answer}");
        let rows = answer["rows"].as_array().unwrap();
        rows.iter().map(|row| (text(row, "/kind").to_owned(), text(row, "/reason").to_owned())).collect()
    }

    /// The buyer opens the gateway's page, so that the gateway knows the trade; nobody is told anything.
    pub async fn open_pay_page(&self, buyer: &Buyer) -> String {
        let (status, order) = self.read(buyer).await;
        assert_eq!(status, 200, "{order}");
        let content = text(&order, "/payment/content");
        let path = content.strip_prefix("http://127.0.0.1:3000").unwrap_or_else(|| panic!("{content}"));
        let request = Request::builder().uri(path).body(Vec::new()).unwrap();
        let page = self.front.handle(request, "127.0.0.1").await.into_body();
        let page = String::from_utf8(page).unwrap();
        let form = page.split("action=\"").nth(1).and_then(|rest| rest.split('"').next());
        form.unwrap_or_else(|| panic!("no form in {page}")).to_owned()
    }

    /// The buyer presses a button of the gateway's page: `pay`, `pay_lose_notice` and the like.
    pub async fn press(&self, page: &str, button: &str) {
        let request =
            Request::builder().method(Method::POST).uri(page).body(format!("do={button}").into_bytes()).unwrap();
        let status = self.front.handle(request, "127.0.0.1").await.status().as_u16();
        assert_eq!(status, 303, "{button} at {page}");
    }

    /// The order as its buyer reads it.
    pub async fn read(&self, buyer: &Buyer) -> (u16, Value) {
        get(&self.front, &format!("/api/orders/{}", buyer.order), &buyer.token).await
    }

    /// The keys as their buyer reads them; empty when they are not to be had.
    pub async fn keys(&self, buyer: &Buyer) -> Vec<String> {
        let (status, answer) = get(&self.front, &format!("/api/orders/{}/keys", buyer.order), &buyer.token).await;
        if status != 200 {
            assert_eq!(answer["code"], "not_delivered", "{answer}");
            return Vec::new();
        }
        answer["keys"].as_array().unwrap().iter().map(|k| text(k, "/content").to_owned()).collect()
    }

    /// How many keys an order shows, whatever its state says and however it refuses.
    pub async fn keys_or_none(&self, buyer: &Buyer) -> usize {
        let (status, answer) = get(&self.front, &format!("/api/orders/{}/keys", buyer.order), &buyer.token).await;
        if status == 200 { answer["keys"].as_array().unwrap().len() } else { 0 }
    }

    /// Every item of every table, as sorted JSON text.
    pub fn tables(&self) -> BTreeMap<&'static str, Vec<String>> {
        Table::ALL.iter().map(|&table| (table.as_str(), self.table(table))).collect()
    }

    /// Every item of one table, as sorted JSON text.
    pub fn table(&self, table: Table) -> Vec<String> {
        let mut items = Vec::new();
        let mut start = Value::Null;
        loop {
            let mut request = json!({"TableName": Tables::with_prefix("kamivend").name(table)});
            if !start.is_null() {
                request["ExclusiveStartKey"] = start;
            }
            let (status, body) = self.world.engine.call("Scan", request.to_string().as_bytes());
            assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
            let page: Value = serde_json::from_slice(&body).unwrap();
            items.extend(page["Items"].as_array().unwrap().iter().map(Value::to_string));
            start = page.get("LastEvaluatedKey").cloned().unwrap_or_default();
            if start.is_null() {
                items.sort();
                return items;
            }
        }
    }
}

impl Drop for TestShop {
    fn drop(&mut self) {
        if self.unfinished_is_meant || std::thread::panicking() {
            return;
        }
        let notices = [self.world.notices_name(), self.world.notices_dead_name()];
        let queues = [Some(self.world.queue_name()), Some(self.world.dead_letter_name())];
        for queue in queues.into_iter().chain(notices).flatten() {
            let left: Vec<State> = self.world.sqs.dump(queue).unwrap().iter().map(|m| m.state).collect();
            assert!(left.is_empty(), "messages left in {queue}: {left:?}");
        }
        let owed = self.table(Table::Orders).into_iter().filter(|o| o.contains(r#""PAID""#) || o.contains(r#""LATE""#));
        assert_eq!(owed.count(), 0, "orders were paid and never delivered");
    }
}

impl Buyer {
    /// Reads the answer of a create.
    pub fn from(answer: &Value) -> Buyer {
        Buyer {
            order: text(answer, "/order/id").to_owned(),
            token: text(answer, "/order_token").to_owned(),
            attempt: text(answer, "/payment/attempt").to_owned(),
            minor: answer["order"]["amount"]["amount_minor"].as_i64().unwrap(),
        }
    }
}

/// Fen as a gateway writes yuan.
pub fn yuan(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// The body of a plain create.
pub fn wish(product: &str, quantity: u32) -> Value {
    json!({"product": product, "quantity": quantity, "contact": "buyer@example.com", "channel": "sandbox"})
}

/// Cards with a readable name each.
pub fn cards(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("{prefix}-{n:05}")).collect()
}

/// Sends a request to an instance; a body that is not JSON becomes a JSON string.
pub async fn send(front: &Front, request: Request<Vec<u8>>) -> (u16, Value) {
    send_from(front, request, "127.0.0.1").await
}

/// Sends a request to an instance, from an address.
pub async fn send_from(front: &Front, request: Request<Vec<u8>>, address: &str) -> (u16, Value) {
    let response = front.shop(request, address).await;
    let status = response.status().as_u16();
    let body = response.into_body();
    let value =
        serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
    (status, value)
}

/// A create through any instance.
pub async fn create(front: &Front, key: &str, body: &Value) -> (u16, Value) {
    create_from(front, key, body, "127.0.0.1").await
}

/// A create through any instance, from an address.
pub async fn create_from(front: &Front, key: &str, body: &Value, address: &str) -> (u16, Value) {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/api/orders")
        .header("idempotency-key", key)
        .body(body.to_string().into_bytes())
        .unwrap();
    send_from(front, request, address).await
}

/// A buyer's read through any instance.
pub async fn get(front: &Front, path: &str, token: &str) -> (u16, Value) {
    let request =
        Request::builder().uri(path).header("authorization", format!("Bearer {token}")).body(Vec::new()).unwrap();
    send(front, request).await
}

/// A provider's notification through any instance.
pub async fn notify(front: &Front, query: &str) -> (u16, String) {
    let request = Request::builder().uri(format!("/webhooks/sandbox?{query}")).body(Vec::new()).unwrap();
    let response = front.shop(request, "127.0.0.1").await;
    (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
}
