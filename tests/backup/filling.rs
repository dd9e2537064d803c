//! A shop with many orders, made by the use cases behind the handlers, a few at a time.

use crate::say;
use app::staff::ADMIN;
use app::{App, Clock, Ids, OrderRequest};
use domain::{Money, OrderId, ProductId};
use futures_util::StreamExt;
use http::{Method, Request};
use local::engine::EngineKind;
use local::secrets::LocalSecrets;
use local::{Front, World, WorldOptions, poller};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::Table;
use tests::md5_hex;

const DAY: i64 = 24 * 60 * 60_000;
const MINUTE: i64 = 60_000;

/// How long ago the shop did its work: longer than the audit asks a gateway about.
const AGO: i64 = 10 * DAY;

/// Products, so that no head is what everybody waits for.
const PRODUCTS: u32 = 8;

/// Orders in a minute of the shop's time, after which its timer runs.
const A_MINUTE: u32 = 500;

/// Cards in one part of an import.
const PART: usize = 10_000;

/// Orders made side by side.
const AT_ONCE: usize = 16;

/// Every how manieth order is opened again at the end.
const SAMPLE: u32 = 97;

/// A shop in a folder, whose clock is behind and can be moved on.
pub struct Shop {
    world: World,
    app: Arc<App>,
    ahead: Arc<AtomicI64>,
    pub secrets: LocalSecrets,
}

impl Shop {
    pub async fn open(folder: &Path) -> Shop {
        std::fs::create_dir_all(folder).unwrap();
        let ids = Ids::system();
        let secrets = LocalSecrets::open(folder, &ids).unwrap();
        let ahead = Arc::new(AtomicI64::new(-AGO));
        let clock = {
            let (system, ahead) = (Clock::system(), ahead.clone());
            Clock::from_fn(move || system.now() + ahead.load(Ordering::SeqCst))
        };
        let world = World::open(WorldOptions {
            folder: Some(folder.to_owned()),
            public_url: "http://127.0.0.1:3000".to_owned(),
            hold_ms: 15 * MINUTE,
            orphan_ms: domain::limits::ORPHAN_AGE_MS,
            open_orders_per_contact: 0,
            open_orders_per_address: 0,
            sandbox_pid: "1000".to_owned(),
            clock,
            ids,
            secrets: secrets.clone(),
            password_hash: None,
            pushes: local::world::Pushes::default(),
            engine: EngineKind::Embedded,
        })
        .await
        .unwrap();
        let app = Arc::new(world.app());
        Shop { world, app, ahead, secrets }
    }

    /// Fills without waiting for the disk: what is tried is not whether it lasts.
    pub fn hurry(&self) {
        self.world.engine.hurry().unwrap();
    }

    async fn sell(&self, path: &str, body: String) {
        let (token, _) = self.app.open_session(self.app.clock.now());
        assert_eq!(self.app.session(&token).map(|(who, _)| who).as_deref(), Some(ADMIN));
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .body(body.into_bytes())
            .unwrap();
        let front = Front::new(self.world.clone(), self.app.clone());
        let (status, answer) = tests::shop::send(&front, request).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
    }

    /// The tables of an export: how many items each holds, and a sum over them that does not ask for their order. What is
    /// meant to differ is left out: wrapped data keys, the door, the note of an import, and reports of audits.
    pub async fn sums(&self) -> Vec<(&'static str, u64, u128)> {
        let mut sums = Vec::new();
        for table in [Table::Shop, Table::Strips, Table::Vault, Table::Orders] {
            let (mut count, mut sum, mut after) = (0, 0u128, None);
            loop {
                let page = self.app.store.scan_whole(table, after.as_ref(), 500).await.unwrap();
                for item in &page.items {
                    let kind = item.text("kind").unwrap_or_default();
                    if ["data_key", "shop", "import", "audit"].contains(&kind) {
                        continue;
                    }
                    count += 1;
                    let hash = md5_hex(&item.to_json().to_string());
                    sum = sum.wrapping_add(u128::from_str_radix(&hash, 16).unwrap());
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            sums.push((table.as_str(), count, sum));
        }
        sums
    }

    async fn deliver_all(&self) {
        loop {
            let polls = (0..AT_ONCE).map(|_| poller::poll(&self.world, &self.app, 0));
            let received: usize = futures_util::future::join_all(polls).await.iter().map(|p| p.received).sum();
            if received == 0 {
                return;
            }
        }
    }

    /// An order, paid unless its buyer leaves.
    async fn buy(&self, number: u32) {
        let key = format!("an-order-of-the-trial-{number:08}");
        let order = self.app.keys.order_id(&key);
        let request = OrderRequest {
            order,
            fingerprint: self.app.keys.fingerprint(&order, key.as_bytes()),
            product: product(number % PRODUCTS),
            quantity: 1,
            contact: format!("buyer{}@example.com", number % 5_000),
            channel: domain::AccountId::parse("sandbox").unwrap(),
            fields: Vec::new(),
            query_password: None,
            coupon: None,
            price_seen: None,
            address: "192.0.2.1".to_owned(),
            lang: domain::order::Lang::Zh,
        };
        let made = self.app.create_order(&request).await.unwrap().unwrap();
        // One in fifty leaves without paying, and one in fifty pays twice.
        if number % 50 == 7 {
            return;
        }
        let attempt = made.order.newest_attempt().unwrap();
        let amount = Money { minor: attempt.minor, currency: attempt.currency };
        let payments = if number % 50 == 8 { 2 } else { 1 };
        for payment in 0..payments {
            let trade = format!("T{number}-{payment}");
            self.app.settle(&attempt.account, &attempt.no.to_string(), &trade, amount).await.unwrap();
        }
    }
}

fn product(number: u32) -> ProductId {
    ProductId::parse(&format!("product-{number}")).unwrap()
}

/// What was sold, and some of the keys.
pub struct Sold {
    pub orders: u32,
    keys: Vec<(OrderId, String, Vec<String>)>,
}

/// Fills a shop with products, cards and orders, and lets its timer run as a day would.
pub async fn fill(shop: &Shop, orders: u32) -> Sold {
    let cards = usize::try_from(orders.div_ceil(PRODUCTS)).unwrap() + 100;
    for number in 0..PRODUCTS {
        let id = product(number);
        let new = json!({
            "id": id.as_str(), "name": format!("Product {number}"), "kind": "single_use_key",
            "price": {"amount_minor": 990, "currency": "CNY"}, "channels": ["sandbox"],
        });
        shop.sell("/api/admin/products", new.to_string()).await;
        let lines: Vec<String> = (0..cards).map(|n| format!("KEY-{number}-{n:08}")).collect();
        for (part, lines) in (1u32..).zip(lines.chunks(PART)) {
            let body = lines.join("\n");
            let brought = shop.app.import_cards(&id, "all", part, body.as_bytes(), false).await.unwrap().unwrap();
            assert_eq!(brought.imported, lines.len() as u64);
        }
        say(&format!("  {id}: {cards} cards"));
    }
    for minute in 0..orders.div_ceil(A_MINUTE) {
        let numbers = minute * A_MINUTE..((minute + 1) * A_MINUTE).min(orders);
        let last = numbers.end;
        futures_util::stream::iter(numbers.map(|number| shop.buy(number)))
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<()>>()
            .await;
        shop.deliver_all().await;
        shop.ahead.fetch_add(MINUTE, Ordering::SeqCst);
        shop.world.sqs.clock_moved();
        shop.app.reconcile(i64::MAX).await.unwrap();
        if last % 5_000 == 0 || last == orders {
            say(&format!("  {last} orders"));
        }
    }
    // The last holds lapse, the last cards are marked as final.
    for _ in 0..25 {
        shop.ahead.fetch_add(MINUTE, Ordering::SeqCst);
        shop.world.sqs.clock_moved();
        shop.app.reconcile(i64::MAX).await.unwrap();
    }
    shop.deliver_all().await;
    let mut keys = Vec::new();
    for number in (0..orders).step_by(usize::try_from(SAMPLE).unwrap()).filter(|number| number % 50 != 7) {
        let id = shop.app.keys.order_id(&format!("an-order-of-the-trial-{number:08}"));
        let order = shop.app.order_now(&id).await.unwrap().unwrap();
        let token = shop.app.keys.order_token(&id, order.token_epoch);
        keys.push((id, token, shop.keys_of(&id).await.unwrap()));
    }
    Sold { orders, keys }
}

impl Shop {
    async fn keys_of(&self, order: &OrderId) -> Result<Vec<String>, String> {
        let found = self.app.order_now(order).await.map_err(|e| e.to_string())?.ok_or("an order is gone")?;
        let cards = self.app.cards_of(&found).await.map_err(|e| e.to_string())?;
        if cards.is_empty() {
            return Err(format!("order {order} has no keys"));
        }
        Ok(cards.into_iter().map(|card| card.0).collect())
    }
}

impl Sold {
    /// Asks for the sampled orders' keys as their buyers do, with the tokens they have.
    pub async fn open_again(&self, shop: &Shop) -> Result<usize, String> {
        let front = Front::new(shop.world.clone(), shop.app.clone());
        let mut opened = 0;
        for (order, token, keys) in &self.keys {
            let (status, answer) = tests::shop::get(&front, &format!("/api/orders/{order}/keys"), token).await;
            let shown: Vec<&str> =
                answer["keys"].as_array().into_iter().flatten().filter_map(|key| key["content"].as_str()).collect();
            if status != 200 || shown != *keys {
                return Err(format!("order {order} shows {} keys with status {status}", shown.len()));
            }
            opened += shown.len();
        }
        Ok(opened)
    }
}
