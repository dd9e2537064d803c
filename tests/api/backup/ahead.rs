//! What is read of a file before it is written: no more than a few items' worth, and nothing that an import would not understand.

use super::{PASSPHRASE, elsewhere, export, open, passphrase, read};
use app::backup::{BackupError, verify};
use local::backup::{export_folder, run};
use local::options;
use local::seam::{Call, Fate, Tap};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::pbkdf2;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::shop::cards;
use tests::{Folder, TestShop};

const MIB: usize = 1_024 * 1_024;

/// A picture as the store writes it.
fn picture(id: &str, doc: &str) -> Value {
    json!({"kind": {"S": "picture"}, "id": {"S": id}, "v": {"N": "1"}, "doc": {"S": doc}})
}

/// A picture of this size, put by hand.
fn put(shop: &TestShop, id: &str, bytes: usize) {
    let put = json!({"TableName": "kamivend-shop", "Item": picture(id, &"x".repeat(bytes))});
    assert_eq!(shop.world.engine.call("PutItem", put.to_string().as_bytes()).0, 200, "{id}");
}

/// Counts what was read of a file.
struct Counting<'a>(&'a [u8], Arc<AtomicUsize>);

impl Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.fetch_add(read, Ordering::SeqCst);
        Ok(read)
    }
}

/// How much was read between any two calls.
#[derive(Debug)]
struct Between {
    read: Arc<AtomicUsize>,
    before: AtomicUsize,
    most: AtomicUsize,
}

impl Tap for Between {
    fn fate(&self, _: &Call) -> Fate {
        let now = self.read.load(Ordering::SeqCst);
        let before = self.before.swap(now, Ordering::SeqCst);
        self.most.fetch_max(now - before, Ordering::SeqCst);
        Fate::Pass
    }
}

#[tokio::test(start_paused = true)]
async fn large_items_are_read_a_few_at_a_time() {
    let (shop, secrets) = open(1_090).await;
    for n in 0..60 {
        put(&shop, &format!("large-{n:02}"), 300 * 1_024);
    }
    let (file, _) = export(&shop, &secrets, true).await;
    assert!(file.len() > 17 * MIB, "{} bytes", file.len());
    let contents = read(&file);
    let other = elsewhere(1_091, &shop, &secrets);
    let bytes = Arc::new(AtomicUsize::new(0));
    let between =
        Arc::new(Between { read: bytes.clone(), before: AtomicUsize::default(), most: AtomicUsize::default() });
    let (_, app) = other.tapped(between.clone());
    let done = app.import(Counting(&file, bytes.clone()), &contents, &contents.secret).await.unwrap();
    assert!(done.written > 60, "{done:?}");
    assert_eq!(bytes.load(Ordering::SeqCst), file.len());
    let most = between.most.load(Ordering::SeqCst);
    assert!((MIB..3 * MIB).contains(&most), "{most} bytes were read at once");
}

/// A file of one chunk as the format is described, sealed by other code than that under test.
fn sealed(manifest: &Value, parts: &[Value]) -> Vec<u8> {
    let iterations = NonZeroU32::new(app::backup::ITERATIONS).unwrap();
    let salt = [7; 16];
    let header = [
        b"KAMIVEND-BACKUP\n".as_slice(),
        &app::backup::VERSION.to_be_bytes(),
        &app::backup::ITERATIONS.to_be_bytes(),
        &salt,
    ]
    .concat();
    let first = [json!({"manifest": manifest}), json!({"secret": "ab".repeat(32)}), json!({"beside": {}})];
    let framed = |record: &Value| {
        let text = record.to_string().into_bytes();
        [u32::try_from(text.len()).unwrap().to_be_bytes().as_slice(), &text].concat()
    };
    let mut clear: Vec<u8> = first.iter().chain(parts).flat_map(framed).collect();
    let mut counts = BTreeMap::new();
    for part in parts {
        let name = part["item"]["table"].as_str().unwrap_or("data_keys");
        *counts.entry(name).or_insert(0) += 1;
    }
    let sha256: String = Sha256::digest(&clear).iter().map(|byte| format!("{byte:02x}")).collect();
    clear.extend(framed(&json!({"end": {"counts": counts, "sha256": sha256}})));
    let mut key = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, PASSPHRASE.as_bytes(), &mut key);
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
    let bound = [Sha256::digest(&header).as_slice(), &[0; 8], &[1]].concat();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::from(bound), &mut clear).unwrap();
    let length = u32::try_from(clear.len()).unwrap() | 1 << 31;
    [header, length.to_be_bytes().to_vec(), clear].concat()
}

fn item(table: &str, item: &Value) -> Value {
    json!({"item": {"table": table, "item": item}})
}

#[test]
fn what_an_import_would_not_understand_does_not_verify() {
    let manifest = json!({"version": 1, "shop_id": "s", "made_at": 1, "source": "stopped", "door": null});
    let with = |name: &str, value: Value| {
        let mut picture = picture("a", "eA==");
        picture[name] = value;
        item("shop", &picture)
    };
    let good = with("deep", json!({"L": [{"S": "x"}]}));
    let keys = |product: &str, key: &str| json!({"data_keys": {"product": product, "version": 1, "current": "k", "keys": {"k": key}}});
    let fine = verify(sealed(&manifest, &[good.clone(), keys("p", &"0f".repeat(32))]).as_slice(), &passphrase());
    assert_eq!(fine.unwrap().counts, BTreeMap::from([("data_keys".to_owned(), 1), ("shop".to_owned(), 1)]));
    let deep = (0..40).fold(json!({"S": "x"}), |inner, _| json!({"L": [inner]}));
    for (strange, why) in [
        (item("orders", &json!({"k": {"S": "no key of an order"}})), "an item"),
        (with("deep", deep), "an item"),
        (with("id", json!({"X": "a"})), "an item"),
        (item("limits", &json!({"k": {"S": "a"}})), "an unknown table"),
        (keys("no product!", &"0f".repeat(32)), "data keys"),
        (keys("p", "0f"), "data keys"),
        (json!({"secret": "ab".repeat(32)}), "a record out of its place"),
    ] {
        // After one that is fine: an import would have written that before it stopped.
        let file = sealed(&manifest, &[good.clone(), strange.clone()]);
        let found = verify(file.as_slice(), &passphrase()).expect_err("it verified");
        assert!(matches!(found, BackupError::Content(said) if said == why), "{strange}: {found:?}");
    }
    let mut ajar = manifest.clone();
    ajar["door"] = json!(["{}", 3]);
    let found = verify(sealed(&ajar, std::slice::from_ref(&good)).as_slice(), &passphrase()).expect_err("it verified");
    assert!(matches!(found, BackupError::Content("its door")), "{found:?}");
}

#[tokio::test]
async fn a_file_is_verified_without_an_import() {
    let folder = Folder::new("backup-verify");
    let data = folder.0.join("shop");
    std::fs::create_dir_all(&data).unwrap();
    {
        let mut shop = TestShop::open(1_093, Some(data.clone())).await;
        shop.leave_unfinished();
        shop.product("p", 990, &cards("CARD", 100)).await;
        let buyer = shop.order("an-order-in-a-verified-file", "p", 2).await;
        shop.pay(&buyer, "T1").await;
        shop.deliver_all().await;
    }
    let file = folder.0.join("shop.backup");
    let at = options::parse(&[format!("--data={}", data.display())], |_| None).unwrap();
    export_folder(&at, &file, &passphrase()).await.unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let known = |name: &str| (name == "KAMIVEND_BACKUP_PASSPHRASE").then(|| PASSPHRASE.to_owned());
    let args = [file.display().to_string(), format!("--data={}", folder.0.join("never").display())];
    let told = run("verify", &args, known).await.unwrap();
    let told: Value = serde_json::from_str(&told).unwrap();
    let counts = &told["counts"];
    assert_eq!((&counts["orders"], &counts["data_keys"], &told["source"]), (&json!(1), &json!(1), &json!("stopped")));
    // A head and three strips of at most 48 cards.
    assert_eq!(counts["strips"], 4, "{told}");
    assert!(counts["vault"].as_u64().unwrap() >= 3 && counts["shop"].as_u64().unwrap() >= 2, "{told}");
    assert!(!folder.0.join("never").exists(), "nothing is touched");
    let mut short = bytes.clone();
    short.truncate(bytes.len() - 1);
    std::fs::write(&file, short).unwrap();
    assert!(run("verify", &args, known).await.unwrap_err().contains("ends before its end"));
}
