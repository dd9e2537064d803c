//! A card in the clear exists in two places only: in the upload that brought it, and in its buyer's answer.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use local::secrets::{LocalSecrets, SecretsError};
use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once};
use tests::shop::{self, cards, wish};
use tests::{Folder, TestShop, Visitor};

/// Everything that was logged, at the finest level.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

thread_local! {
    static WATCHED: RefCell<Option<(Log, Log)>> = const { RefCell::new(None) };
}

impl Log {
    /// What was logged so far.
    pub fn text(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

/// Takes down what this thread logs from now on: everything at the finest level, libraries' talk included, and what production
/// writes when its level is `trace`. The subscriber is the process's, because one that is set for a thread alone loses the
/// lines of code that another thread reached first.
pub fn watch_this_thread() -> (Log, Log) {
    use functions::telemetry::{Lines, filter};
    use tracing_subscriber::filter::{FilterExt, dynamic_filter_fn};
    use tracing_subscriber::layer::{Layer, SubscriberExt};
    static SET: Once = Once::new();
    SET.call_once(|| {
        let of_thread = |which: fn(&(Log, Log)) -> &Log| {
            move || WATCHED.with_borrow(|logs| logs.as_ref().map(which).cloned().unwrap_or_default())
        };
        let is_watched = || WATCHED.with_borrow(Option::is_some);
        let lines = tracing_subscriber::fmt::layer().json().with_writer(of_thread(|logs| &logs.0));
        let production_lines = Lines::new(app::Clock::system(), of_thread(|logs| &logs.1));
        let as_in_production = filter(Some("trace")).and(dynamic_filter_fn(move |_, _| is_watched()));
        let subscriber = tracing_subscriber::registry()
            .with(lines.with_filter(dynamic_filter_fn(move |_, _| is_watched())))
            .with(production_lines.with_filter(as_in_production));
        tracing::subscriber::set_global_default(subscriber).expect("nobody else of this process watches its log");
    });
    let logs = (Log::default(), Log::default());
    WATCHED.set(Some(logs.clone()));
    logs
}

/// What else happens in a shop: the seller signs in, money is returned, what is forged is refused, the timer and both audits run,
/// a hold lapses and its money comes late.
async fn everything_else(shop: &TestShop) {
    use functions::reconcile::{Job, handle};
    let login = serde_json::json!({"username": "admin", "password": shop.password}).to_string();
    let (status, _) = shop.admin(http::Method::POST, "/api/admin/login", "", login).await;
    assert_eq!(status, 200);
    shop.product("q", 500, &cards("AGAIN", 3)).await;
    let buyer = shop.order("a-buyer-who-gets-it-back", "q", 1).await;
    shop.pay(&buyer, "T-back").await;
    shop.deliver_all().await;
    let token = shop.sign_in().await;
    let path = format!("/api/admin/orders/{}/refund", buyer.order);
    shop.admin(http::Method::POST, &path, &token, "{}".to_owned()).await;
    shop.admin(http::Method::GET, "/api/admin/attention", &token, String::new()).await;
    let forged = shop.notification(&buyer, "T-forged").replace("sign=", "sign=0");
    assert_ne!(shop.notify(&forged).await.1, "success");
    let look_up = serde_json::json!({"contact": "buyer@example.com", "query_password": "a guess of somebody"});
    shop.admin(http::Method::POST, "/api/lookup", "", look_up.to_string()).await;
    let late = shop.order("a-buyer-who-comes-too-late", "q", 1).await;
    shop.pass(16 * 60_000);
    for job in [Job::Reconcile, Job::AuditRecent, Job::AuditFull] {
        handle(&shop.app, job).await.unwrap();
    }
    shop.pay(&late, "T-late").await;
    shop.deliver_all().await;
}

/// 64 random characters, some of which JSON escapes.
fn marker(seed: u64) -> String {
    let mut chance = fastrand::Rng::with_seed(seed);
    let letters: Vec<char> = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789\"\\/é乙".chars().collect();
    (0..64).map(|_| letters[chance.usize(..letters.len())]).collect()
}

/// The forms in which a text may hide: plain, JSON-escaped, hexadecimal, and base64 at each of the three alignments.
fn disguises(text: &str) -> Vec<Vec<u8>> {
    let json = serde_json::to_string(text).unwrap();
    let ascii_json: String = json
        .chars()
        .flat_map(|c| if c.is_ascii() { vec![c] } else { format!("\\u{:04x}", c as u32).chars().collect() })
        .collect();
    let hex: String = text.bytes().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![
        text.as_bytes().to_vec(),
        json.as_bytes()[1..json.len() - 1].to_vec(),
        ascii_json.as_bytes()[1..ascii_json.len() - 1].to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for engine in [STANDARD, URL_SAFE] {
        for shift in 0..3usize {
            let shifted = [vec![b'x'; shift], text.as_bytes().to_vec()].concat();
            let encoded = engine.encode(shifted).trim_end_matches('=').to_owned();
            // The letters at both ends also encode neighbouring bytes.
            let start = (shift * 8).div_ceil(6);
            forms.push(encoded.as_bytes()[start..encoded.len() - 1].to_vec());
        }
    }
    // A piece of each is enough to give the card away.
    forms.iter().map(|f| f[f.len() / 4..f.len() * 3 / 4].to_vec()).collect()
}

fn shows(haystack: &[u8], forms: &[Vec<u8>]) -> bool {
    forms.iter().any(|form| haystack.windows(form.len()).any(|window| window == form))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_disguise_is_recognised() {
    let marker = marker(1);
    let forms = disguises(&marker);
    assert_eq!(forms.len(), 11);
    let json = serde_json::to_vec(&serde_json::json!({ "card": marker })).unwrap();
    assert!(shows(&json, &forms));
    for shift in 0..3 {
        let text = format!("{}{marker}tail", "y".repeat(shift));
        assert!(shows(STANDARD.encode(&text).as_bytes(), &forms), "base64 behind {shift} bytes");
    }
    assert!(!shows(STANDARD.encode("another text altogether").as_bytes(), &forms));
}

#[tokio::test]
async fn a_card_is_found_nowhere_but_at_its_buyer() {
    let (log, production) = watch_this_thread();
    let folder = Folder::new("secrecy");
    let marker = marker(2);
    let forms = disguises(&marker);
    let mut answers: Vec<Vec<u8>> = Vec::new();
    let mut shop = TestShop::open(40, Some(folder.0.clone())).await;
    shop.product("p", 990, &cards("OTHER", 2)).await;
    answers.push(shop.cards("p", std::slice::from_ref(&marker), "").await.to_string().into_bytes());
    // A second time, so that the answer about a duplicate is looked at too.
    answers.push(shop.cards("p", std::slice::from_ref(&marker), "").await.to_string().into_bytes());
    let mut winner = None;
    for n in 0..3 {
        let (status, answer) = shop.create(&format!("buyer-of-the-secret-{n}"), &wish("p", 1)).await;
        assert_eq!(status, 201);
        answers.push(answer.to_string().into_bytes());
        let buyer = tests::Buyer::from(&answer);
        shop.pay(&buyer, &format!("T{n}")).await;
        let queue = shop.world.sqs.dump(shop.world.queue_name()).unwrap();
        assert!(!queue.is_empty());
        answers.extend(queue.into_iter().map(|m| m.body.into_bytes()));
        shop.deliver_all().await;
        answers.push(shop.read(&buyer).await.1.to_string().into_bytes());
        let keys = shop.keys(&buyer).await;
        assert_eq!(keys.len(), 1);
        if keys[0] == marker {
            winner = Some(buyer);
        } else {
            answers.push(keys[0].clone().into_bytes());
        }
    }
    let winner = winner.expect("one of three buyers got the marker");
    // Somebody else's token, no token, the seller's session: none shows it.
    for token in ["", "x", &shop.sign_in().await] {
        let (status, answer) = shop::get(shop.front(), &format!("/api/orders/{}/keys", winner.order), token).await;
        assert_eq!(status, 404);
        answers.push(answer.to_string().into_bytes());
    }
    answers.push(shop.counts("p").await.to_string().into_bytes());
    // The pages: with the winner's link, and without. Only the page of keys shows the card, and only uncovered.
    let mut holder = Visitor::new(shop.front());
    let mut stranger = Visitor::new(shop.front());
    let here = format!("/o/{}", winner.order);
    for path in [format!("{here}?t={}", winner.token), here.clone(), format!("{here}/keys"), format!("{here}/keys.txt")]
    {
        answers.push(holder.get(&path).await.bytes);
        answers.push(stranger.get(path.split('?').next().unwrap()).await.bytes);
    }
    answers.push(stranger.post(&format!("{here}/keys"), &[]).await.bytes);
    answers.push(holder.post(&format!("{here}/keys"), &[]).await.bytes);
    assert!(holder.get(&format!("{here}/keys.txt")).await.body.contains(&marker));
    let mut device = Visitor::new(shop.front());
    let nonce = device.get("/p/p").await.input("nonce");
    let password = "a password of one's own";
    let fields = [
        ("nonce", nonce.as_str()),
        ("price_seen", "990 CNY"),
        ("contact", "somebody@example.org"),
        ("query_password", password),
    ];
    // Sold out by now: the form comes back with everything in it, and nothing of it goes into the log.
    let refused = device.post("/p/p", &fields).await;
    assert!(refused.status == 409 && refused.body.contains("刚刚售罄"), "{}", refused.body);
    answers.push(refused.bytes);

    for answer in &answers {
        assert!(!shows(answer, &forms), "an answer or message shows the card: {}", String::from_utf8_lossy(answer));
    }
    everything_else(&shop).await;
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.len() > 10_000, "the log was watched: {} bytes", logged.len());
    assert!(!shows(&logged, &forms), "the log shows the card");
    let logged = String::from_utf8(logged).unwrap();
    for secret in [winner.token.as_str(), nonce.as_str(), password, "somebody@example.org", "?t="] {
        assert!(!logged.contains(secret), "the log shows {secret}");
    }
    // The SDK's own trace shows what is written, contacts included; no function's log goes down to that.
    let ours = logged.lines().filter(|line| !line.contains("\"target\":\"aws_"));
    let showing: Vec<&str> = ours.filter(|line| line.contains("buyer@example.com")).collect();
    assert!(showing.is_empty(), "the log shows a contact: {showing:?}");
    assert!(logged.contains("/o/{id}/keys"), "the pages were logged by their route");
    // What production writes at its finest level holds none of it anywhere, the SDK's lines included.
    let written = String::from_utf8(production.0.lock().unwrap().clone()).unwrap();
    assert!(!shows(written.as_bytes(), &forms), "production's log shows the card");
    let secrets = [
        winner.token.as_str(),
        nonce.as_str(),
        password,
        "somebody@example.org",
        "buyer@example.com",
        "?t=",
        "sign=",
        "trade_status",
        "TRADE_SUCCESS",
        "out_trade_no=",
        "a guess of somebody",
        &shop.key,
        &shop.password,
    ];
    for line in written.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let shown = secrets.iter().filter(|secret| line.to_string().contains(**secret));
        assert_eq!(shown.collect::<Vec<_>>(), Vec::<&&str>::new(), "{line}");
    }
    let functions: std::collections::BTreeSet<String> = written
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).ok()?["function"].as_str().map(str::to_owned)
        })
        .collect();
    let all = ["admin", "cards", "create_order", "deliver", "desk", "order", "payment_webhook", "reconcile", "reveal"];
    assert!(all.iter().all(|function| functions.contains(*function)), "{functions:?}");
    let kept = files(&folder.0);
    assert!(kept.len() >= 5, "{kept:?}");
    for file in &kept {
        assert!(!shows(&std::fs::read(file).unwrap(), &forms), "{} shows the card", file.display());
    }

    // A function without the right to cards cannot open it, though it reads the same tables.
    let app = Arc::new(shop.world.app_with(Arc::new(local::seam::Quiet), false));
    let front = local::Front::new(shop.world.clone(), app);
    let path = format!("/api/orders/{}/keys", winner.order);
    let (status, answer) = shop::get(&front, &path, &winner.token).await;
    assert_eq!((status, answer["code"].as_str()), (503, Some("unavailable")));

    // Without the key file the shop does not open; with another key nobody gets the card.
    shop.leave_unfinished();
    drop((front, shop, holder, stranger, device));
    let key_file = folder.0.join("master.key");
    let key = std::fs::read(&key_file).unwrap();
    std::fs::remove_file(&key_file).unwrap();
    let refused = LocalSecrets::open(&folder.0, &app::Ids::system());
    assert!(matches!(refused, Err(SecretsError::Missing("master.key"))));
    std::fs::write(&key_file, "0".repeat(64)).unwrap();
    let refused = LocalSecrets::open(&folder.0, &app::Ids::system());
    assert!(matches!(refused, Err(SecretsError::WrongKey)));
    std::fs::write(&key_file, &key).unwrap();
    let other_key = |secrets: &mut LocalSecrets| secrets.master = app::keys::Secret32([9; 32]);
    let shop = TestShop::open_with(41, Some(folder.0.clone()), other_key).await;
    let (status, answer) = shop::get(shop.front(), &path, &winner.token).await;
    assert_eq!((status, answer["code"].as_str()), (503, Some("unavailable")));
    drop(shop);
    let shop = TestShop::open(42, Some(folder.0.clone())).await;
    assert_eq!(shop.keys(&winner).await, [marker]);
}

#[test]
fn the_key_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("modes");
    let made = LocalSecrets::open(&folder.0, &app::Ids::system()).unwrap();
    assert!(made.password_is_unseen);
    for file in ["master.key", "shop.json"] {
        let mode = std::fs::metadata(folder.0.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let again = LocalSecrets::open(&folder.0, &app::Ids::system()).unwrap();
    assert!(again.password_is_unseen && again.master == made.master && again.shop == made.shop);
    LocalSecrets::password_was_seen(&folder.0, &app::Ids::system()).unwrap();
    let seen = LocalSecrets::open(&folder.0, &app::Ids::system()).unwrap();
    assert!(!seen.password_is_unseen && seen.admin_password == made.admin_password && seen.master == made.master);
}

/// What a seller put back is never overwritten, and a shop never gets a second key.
#[test]
fn half_of_the_secrets_is_refused_and_left_alone() {
    for (kept, lost) in [("master.key", "shop.json"), ("shop.json", "master.key")] {
        let folder = Folder::new(&format!("half-{kept}"));
        LocalSecrets::open(&folder.0, &app::Ids::system()).unwrap();
        std::fs::write(folder.0.join("tables.db"), "a shop").unwrap();
        let before = std::fs::read(folder.0.join(kept)).unwrap();
        std::fs::remove_file(folder.0.join(lost)).unwrap();
        match LocalSecrets::open(&folder.0, &app::Ids::system()) {
            Err(SecretsError::Missing(file)) => assert_eq!(file, lost),
            other => panic!("{:?}", other.map(|_| "opened")),
        }
        assert_eq!(std::fs::read(folder.0.join(kept)).unwrap(), before);
    }
}

/// A ciphertext moved to another slot does not open: the associated data names the place.
#[tokio::test]
async fn a_swapped_ciphertext_opens_for_nobody() {
    let mut shop = TestShop::new(43).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("C", 2)).await;
    let vault: serde_json::Value = shop
        .table(store::Table::Vault)
        .iter()
        .map(|v| serde_json::from_str::<serde_json::Value>(v).unwrap())
        .find(|v| v.get("e").is_some())
        .unwrap();
    let mut swapped = vault["e"]["L"].as_array().unwrap().clone();
    swapped.reverse();
    let update = serde_json::json!({
        "TableName": "kamivend-vault", "Key": {"k": vault["k"]}, "UpdateExpression": "SET e = :e",
        "ExpressionAttributeValues": {":e": {"L": swapped}},
    });
    assert_eq!(shop.world.engine.call("UpdateItem", update.to_string().as_bytes()).0, 200);
    let buyer = shop.order("buyer-of-a-swapped-card", "p", 1).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    // Not delivered, not shown: the order stays PAID and stands before a person, and its message is done with.
    assert_eq!(shop.read(&buyer).await.1["status"], "paid");
    assert_eq!(shop.keys(&buyer).await, Vec::<String>::new());
    assert_eq!(shop.attention().await, [("undeliverable".to_owned(), "not_delivered".to_owned())]);
    assert_eq!(shop.world.sqs.depth(shop.world.queue_name()).unwrap().visible, 0);
}
