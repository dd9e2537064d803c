//! Every kind of channel against its provider over real HTTP: an order is paid and delivered, a lost notification is found by asking, and
//! nothing that the provider did not say is believed.

use crate::money::granted;
use domain::Currency;
use http::{Method, Request};
use local::fakes::alipay::Alipay;
use local::fakes::epay_v1::EpayV1;
use local::fakes::epay_v2::EpayV2;
use local::fakes::host::{Fault, Host};
use local::fakes::stripe::Stripe;
use local::fakes::usdt::{Flavour, Usdt};
use local::fakes::wechat::Wechat;
use local::fakes::{Fake, FakeNotice, Twist};
use local::seam::Outside;
use local::world::Pushes;
use payments::{Kind, kind};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::Table;
use tests::shop::{cards, wish};
use tests::{Buyer, TestShop, text};

const PRICE: i64 = 990;
const SHOP: &str = "http://127.0.0.1:3000";

type Made = fn() -> Arc<dyn Fake>;
type Extra = &'static [(&'static str, &'static str)];

/// Every provider, with what its account is set to beside what the provider itself asks for.
const PROVIDERS: [(&str, Made, Extra); 11] = [
    ("epay_v1", || Arc::new(EpayV1::default()), &[]),
    ("epay_v2", || Arc::new(EpayV2::new().unwrap()), &[]),
    ("alipay by keys", || Arc::new(Alipay::with_keys().unwrap()), &[]),
    ("alipay by certificates", || Arc::new(Alipay::with_certificates().unwrap()), &[("products", "page")]),
    ("wechat", || Arc::new(Wechat::new().unwrap()), &[]),
    ("stripe", || Arc::new(Stripe::new("http://127.0.0.1:3000/webhooks/pay")), &[]),
    ("epusdt", || Arc::new(Usdt::new(Flavour::Legacy)), &[]),
    ("gmpay 1", || Arc::new(Usdt::new(Flavour::Gmpay1)), &[]),
    ("gmpay 2", || Arc::new(Usdt::new(Flavour::Gmpay2)), &[]),
    ("bepusdt", || Arc::new(Usdt::new(Flavour::Bepusdt)), &[]),
    ("tokenpay", || Arc::new(Usdt::new(Flavour::Tokenpay)), &[]),
];

/// An account of the shop and its provider.
struct Account {
    name: &'static str,
    host: Host,
    kind: &'static Kind,
    currency: Currency,
}

/// A shop that reaches providers on this machine.
async fn shop(seed: u64) -> TestShop {
    let outside = Outside::OwnMachine(app::net::production());
    let mut shop = TestShop::with_pushes(seed, Pushes { outside, ..Pushes::default() }).await;
    shop.leave_unfinished();
    shop
}

/// Sets an account up at a provider that begins to listen.
async fn account(shop: &TestShop, name: &'static str, fake: Arc<dyn Fake>, extra: &[(&str, &str)]) -> Account {
    let host = Host::start(fake, shop.app.clock.clone()).await.unwrap();
    let mut settings = host.fake.settings(&host.url);
    for (name, value) in extra {
        settings.set(name, value);
    }
    let kind = kind(host.fake.kind()).unwrap();
    let currency = (kind.open)(&settings).unwrap().currency();
    let mut body: Map<String, Value> = settings.iter().map(|(n, v)| (n.to_owned(), json!(v))).collect();
    body.insert("kind".to_owned(), json!(kind.name));
    let path = format!("/api/admin/channels/{name}");
    let (status, answer) = shop.admin(Method::PUT, &path, &shop.sign_in().await, Value::Object(body).to_string()).await;
    assert_eq!(status, 200, "{answer}");
    Account { name, host, kind, currency }
}

async fn product(shop: &TestShop, accounts: &[&Account]) {
    let names: Vec<&str> = accounts.iter().map(|account| account.name).collect();
    let body = json!({
        "id": "p", "name": "月卡 Product", "kind": "single_use_key", "channels": names,
        "price": {"amount_minor": PRICE, "currency": accounts[0].currency.code()},
    });
    granted(shop, "/api/admin/products", &body).await;
    shop.cards("p", &cards("A", 60), "").await;
}

/// Orders through an account: the buyer, and what the create answered.
async fn order(shop: &TestShop, account: &Account, key: &str) -> (Buyer, Value) {
    let mut wish = wish("p", 1);
    wish["channel"] = json!(account.name);
    let (status, answer) = shop.create(&format!("a-buyer-who-{key}-here"), &wish).await;
    assert!([200, 201].contains(&status), "{key}: {answer}");
    if answer["payment"].is_null() {
        let number = account.host.fake.attempts().last().cloned().unwrap_or_default();
        let order = text(&answer, "/order/id").to_owned();
        let token = text(&answer, "/order_token").to_owned();
        return (Buyer { order, token, attempt: number, minor: PRICE }, answer);
    }
    (Buyer::from(&answer), answer)
}

/// The buyer goes where the shop sends them, so that the provider knows of the attempt.
fn go(account: &Account, payment: &Value) {
    let content = &payment["content"];
    match text(payment, "/kind") {
        "redirect" => drop(account.host.visit("GET", content.as_str().unwrap(), &[])),
        "form" => {
            let pair = |pair: &Value| (text(pair, "/0").to_owned(), text(pair, "/1").to_owned());
            let fields: Vec<_> = content["fields"].as_array().unwrap().iter().map(pair).collect();
            account.host.visit("POST", text(content, "/action"), &fields).expect("a form for this provider");
        }
        _ => {}
    }
}

/// Orders, goes to the provider and pays.
async fn paid(shop: &TestShop, account: &Account, key: &str, minor: Option<i64>) -> Option<Buyer> {
    let (buyer, answer) = order(shop, account, key).await;
    assert_eq!(answer["order"]["amount"]["amount_minor"], PRICE, "{key}");
    go(account, &answer["payment"]);
    account.host.fake.pay(&buyer.attempt, minor, &account.host.call())?;
    Some(buyer)
}

/// Carries a notification to the shop: whether the provider takes the answer for an acknowledgement.
async fn tell(shop: &TestShop, account: &Account, notice: &FakeNotice) -> bool {
    let path = notice.url.strip_prefix(SHOP).unwrap_or_else(|| panic!("told to {}", notice.url));
    let mut request = Request::builder().method(notice.method).uri(path);
    for (name, value) in &notice.headers {
        request = request.header(name, value);
    }
    let response = shop.front().shop(request.body(notice.body.clone()).unwrap(), "198.51.100.9").await;
    account.host.fake.is_acknowledged(response.status().as_u16(), response.body())
}

fn notice(account: &Account, buyer: &Buyer, twist: Twist) -> Option<FakeNotice> {
    account.host.fake.notice(&buyer.attempt, twist, &account.host.call())
}

/// Everything that money or stock could have changed.
fn facts(shop: &TestShop) -> [Vec<String>; 3] {
    [Table::Orders, Table::Strips, Table::Vault].map(|table| shop.table(table))
}

async fn status(shop: &TestShop, buyer: &Buyer) -> String {
    text(&shop.read(buyer).await.1, "/status").to_owned()
}

async fn check(shop: &TestShop, buyer: &Buyer) -> String {
    shop.pass(6_000);
    let path = format!("/api/orders/{}/check", buyer.order);
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", format!("Bearer {}", buyer.token))
        .body(Vec::new())
        .unwrap();
    let (code, answer) = tests::shop::send(shop.front(), request).await;
    assert_eq!(code, 200, "{answer}");
    text(&answer, "/status").to_owned()
}

async fn money_rows(shop: &TestShop) -> usize {
    shop.attention().await.iter().filter(|(kind, _)| kind == "money").count()
}

/// One provider's whole life.
async fn lives(seed: u64, who: &str, fake: Arc<dyn Fake>, extra: &[(&str, &str)]) {
    let shop = shop(seed).await;
    let account = account(&shop, "pay", fake, extra).await;
    product(&shop, &[&account]).await;

    // Order, payment, key; and the notification once more.
    let buyer = paid(&shop, &account, "pays", None).await.unwrap();
    let told = notice(&account, &buyer, Twist::None).unwrap();
    assert!(tell(&shop, &account, &told).await, "{who}: heard");
    shop.deliver_all().await;
    assert_eq!(shop.keys(&buyer).await.len(), 1, "{who}");
    let before = facts(&shop);
    assert!(tell(&shop, &account, &told).await, "{who}: heard again");
    assert_eq!(facts(&shop), before, "{who}: a repetition changes nothing");

    // What the provider did not say is refused, and nothing is written.
    let unheard = paid(&shop, &account, "is-forged-for", None).await.unwrap();
    let before = facts(&shop);
    let twists = [Twist::WrongKey, Twist::Unsigned, Twist::OtherMerchant, Twist::Changed, Twist::OwnRequest];
    let mut tried = 0;
    for twist in twists {
        let Some(forged) = notice(&account, &unheard, twist) else { continue };
        tried += 1;
        assert!(!tell(&shop, &account, &forged).await, "{who}: {twist:?} is acknowledged");
        assert_eq!(facts(&shop), before, "{who}: {twist:?} changed something");
    }
    assert!(tried >= 3, "{who}: {tried} forgeries");

    // Asked, it is believed only if it answers in its own name; then the lost notification is found.
    for fault in [Fault::Down, Fault::Garbage, Fault::WrongSeal] {
        account.host.plan(fault);
        assert_eq!(check(&shop, &unheard).await, "awaiting_payment", "{who}: {fault:?} is believed");
    }
    assert_ne!(check(&shop, &unheard).await, "awaiting_payment", "{who}: found by asking");
    shop.deliver_all().await;
    assert_eq!(shop.keys(&unheard).await.len(), 1, "{who}");
    assert_eq!(money_rows(&shop).await, 0, "{who}");

    // Another amount, or another currency, is a person's business and settles nothing.
    let mut rows = 0;
    if let Some(short) = paid(&shop, &account, "pays-too-little", Some(PRICE - 1)).await
        && let Some(told) = notice(&account, &short, Twist::None)
    {
        rows += 1;
        assert!(tell(&shop, &account, &told).await, "{who}");
        assert_eq!(status(&shop, &short).await, "awaiting_payment", "{who}");
    }
    let foreign = paid(&shop, &account, "pays-in-other-coins", None).await.unwrap();
    if let Some(told) = notice(&account, &foreign, Twist::OtherCurrency) {
        rows += 1;
        assert!(tell(&shop, &account, &told).await, "{who}");
        assert_eq!(status(&shop, &foreign).await, "awaiting_payment", "{who}");
    }
    assert_eq!(money_rows(&shop).await, rows, "{who}");

    // The timer finds what nobody told.
    let late = paid(&shop, &account, "is-never-told-of", None).await.unwrap();
    shop.minutes(17).await;
    assert_eq!(shop.keys(&late).await.len(), 1, "{who}: found by the timer");

    gives_back(&shop, &account, &buyer, who).await;
    closes(&shop, &account, who).await;
    assert_eq!(shop.audit().await.differences, 0, "{who}");
}

/// Part of a delivered order's money, and then the rest, where the account can send any.
async fn gives_back(shop: &TestShop, account: &Account, buyer: &Buyer, who: &str) {
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    let part = json!({"amount": {"amount_minor": 300, "currency": account.currency.code()}});
    let (status, answer) = shop.sell(Method::POST, &path, &part).await;
    if !account.kind.refunds {
        assert_eq!((status, text(&answer, "/code")), (409, "refund_by_hand"), "{who}: {answer}");
        return;
    }
    assert_eq!(status, 200, "{who}: {answer}");
    assert_eq!(account.host.fake.returned(&buyer.attempt), 300, "{who}");
    let token = shop.sign_in().await;
    let (status, answer) = shop.admin(Method::POST, &path, &token, "{}".to_owned()).await;
    assert_eq!(status, 200, "{who}: {answer}");
    shop.minutes(11).await;
    assert_eq!(account.host.fake.returned(&buyer.attempt), PRICE, "{who}: all of it, once");
    let (status, answer) = shop.admin(Method::POST, &path, &token, "{}".to_owned()).await;
    assert!((200..500).contains(&status), "{who}: {answer}");
    assert_eq!(account.host.fake.returned(&buyer.attempt), PRICE, "{who}: and no more");
}

/// An order that its buyer gives up: nobody can pay it any more, or whoever does is served all the same.
async fn closes(shop: &TestShop, account: &Account, who: &str) {
    let (buyer, answer) = order(shop, account, "gives-up").await;
    go(account, &answer["payment"]);
    let path = format!("/api/orders/{}/cancel", buyer.order);
    let request =
        Request::builder().method(Method::POST).uri(path).header("authorization", format!("Bearer {}", buyer.token));
    let (code, answer) = tests::shop::send(shop.front(), request.body(Vec::new()).unwrap()).await;
    assert_eq!((code, text(&answer, "/status")), (200, "closed"), "{who}: {answer}");
    if account.host.fake.pay(&buyer.attempt, None, &account.host.call()).is_none() {
        return;
    }
    // Of Alipay's codes there is no trade to close until somebody scans them.
    assert!(!account.kind.closes || account.kind.name == "alipay", "{who}: it closes trades, and this one was paid");
    let told = notice(account, &buyer, Twist::None).unwrap();
    assert!(tell(shop, account, &told).await, "{who}");
    shop.minutes(1).await;
    assert_eq!(shop.keys(&buyer).await.len(), 1, "{who}: late, and served");
}

macro_rules! lives {
    ($($name:ident $no:literal),* $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            let (who, fake, extra) = PROVIDERS[$no];
            lives(900 + $no, who, fake(), extra).await;
        }
    )*};
}

lives! {
    epay_v1_lives 0, epay_v2_lives 1, alipay_by_keys_lives 2, alipay_by_certificates_lives 3, wechat_lives 4, stripe_lives 5,
    epusdt_lives 6, gmpay_1_lives 7, gmpay_2_lives 8, bepusdt_lives 9, tokenpay_lives 10,
}

/// Where the provider gives no answer that can be believed there is nothing to pay with, the order stands, and the same request again
/// brings what there is; money for an attempt that was made all the same is this order's money.
#[tokio::test]
async fn a_create_that_is_not_answered_is_repeated() {
    for (at, (who, fake, extra)) in (0_u64..).zip(PROVIDERS) {
        if !kind(fake().kind()).unwrap().asks_to_create {
            continue;
        }
        let shop = shop(930 + at).await;
        let account = account(&shop, "pay", fake(), extra).await;
        product(&shop, &[&account]).await;
        let mut made = 0;
        for fault in [Fault::Down, Fault::DownAfter, Fault::Garbage, Fault::WrongSeal, Fault::Unsigned] {
            let key = format!("meets-{fault:?}");
            account.host.plan(fault);
            let (_, answer) = order(&shop, &account, &key).await;
            let is_shown = !answer["payment"].is_null();
            assert!(is_shown != answer["payment_error"].is_object(), "{who}: {answer}");
            // Some providers sign no replies, and then one without a signature is theirs.
            assert!(!is_shown || fault == Fault::Unsigned, "{who}: {fault:?} is believed: {answer}");
            shop.pass(7_000);
            let (buyer, again) = order(&shop, &account, &key).await;
            assert_eq!(again["order"]["id"], answer["order"]["id"], "{who}");
            if again["payment"].is_null() {
                assert_ne!(fault, Fault::Down, "{who}: nothing was made, and it is not made now: {again}");
            }
            made += usize::from(!again["payment"].is_null());
            account.host.fake.pay(&buyer.attempt, None, &account.host.call()).unwrap();
            let told = notice(&account, &buyer, Twist::None).unwrap();
            assert!(tell(&shop, &account, &told).await, "{who}: {fault:?}");
            shop.deliver_all().await;
            assert_eq!(shop.keys(&buyer).await.len(), 1, "{who}: {fault:?}");
        }
        assert!(made >= 2, "{who}: {made} of 5 were shown at the second try");
        assert_eq!(shop.attention().await, [], "{who}");
    }
}

/// The provider makes the attempt and its answer comes too late. The buyer pays another way, somebody pays the first one too: one key, one
/// row of surplus money, and one return of it.
#[tokio::test]
async fn two_payments_after_a_late_answer_are_one_key_and_one_return() {
    let shop = shop(950).await;
    let slow = account(&shop, "slow", Arc::new(Wechat::new().unwrap()), &[]).await;
    let other = account(&shop, "other", Arc::new(EpayV1::default()), &[]).await;
    product(&shop, &[&slow, &other]).await;
    slow.host.plan(Fault::Slow(Duration::from_secs(6)));
    let (first, answer) = order(&shop, &slow, "waits-in-vain").await;
    assert_eq!(answer["payment_error"]["code"], "channel_unknown", "{answer}");
    assert_eq!(slow.host.fake.attempts(), std::slice::from_ref(&first.attempt), "it was made all the same");

    let path = format!("/api/orders/{}/payments", first.order);
    let request =
        Request::builder().method(Method::POST).uri(path).header("authorization", format!("Bearer {}", first.token));
    let request = request.body(json!({"channel": "other"}).to_string().into_bytes()).unwrap();
    let (code, answer) = tests::shop::send(shop.front(), request).await;
    assert_eq!(code, 201, "{answer}");
    go(&other, &answer["payment"]);
    let second = Buyer { attempt: text(&answer, "/payment/attempt").to_owned(), ..first.clone() };
    for (account, buyer) in [(&other, &second), (&slow, &first)] {
        account.host.fake.pay(&buyer.attempt, None, &account.host.call()).unwrap();
        assert!(tell(&shop, account, &notice(account, buyer, Twist::None).unwrap()).await);
    }
    shop.deliver_all().await;
    assert_eq!(shop.keys(&first).await.len(), 1);
    assert_eq!(money_rows(&shop).await, 1);
    let token = shop.sign_in().await;
    let (_, listed) = shop.admin(Method::GET, "/api/admin/attention", &token, String::new()).await;
    let path = format!("/api/admin/attention/{}", text(&listed, "/rows/0/id"));
    let wish = json!({"action": "refund"}).to_string();
    for _ in 0..2 {
        let (status, answer) = shop.admin(Method::POST, &path, &token, wish.clone()).await;
        assert!([200, 409].contains(&status), "{answer}");
    }
    let returned = [&slow, &other]
        .map(|account| account.host.fake.attempts().iter().map(|no| account.host.fake.returned(no)).sum::<i64>());
    assert_eq!(returned, [PRICE, 0], "the surplus went back, once, and the order's own money stays");
    shop.minutes(20).await;
    assert_eq!(shop.attention().await, []);
    assert_eq!(shop.keys(&first).await.len(), 1);
}
