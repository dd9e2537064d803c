//! The commands on data folders.

use super::{PASSPHRASE, passphrase};
use local::backup::{export_folder, import_folder, run};
use local::options::{self, Options};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tests::shop::cards;
use tests::{Folder, TestShop};

fn at(folder: &Path) -> Options {
    options::parse(&[format!("--data={}", folder.display())], |_| None).unwrap()
}

/// A folder with a small shop in it, and its buyer.
async fn a_folder(seed: u64, name: &str) -> (Folder, tests::Buyer, Vec<String>) {
    let folder = Folder::new(name);
    fs::create_dir_all(folder.0.join("shop")).unwrap();
    let mut shop = TestShop::open(seed, Some(folder.0.join("shop"))).await;
    shop.leave_unfinished();
    shop.product("p", 990, &cards("CARD", 3)).await;
    let buyer = shop.order("an-order-of-a-shop-in-a-folder", "p", 2).await;
    shop.pay(&buyer, "T1").await;
    shop.deliver_all().await;
    let keys = shop.keys(&buyer).await;
    (folder, buyer, keys)
}

#[tokio::test]
async fn a_shop_moves_to_another_folder() {
    let folder = Folder::new("backup-move");
    fs::create_dir_all(folder.0.join("shop")).unwrap();
    let (mut secrets, mut before) = (None, None);
    let (buyer, keys) = {
        let mut shop = TestShop::open_with(1_070, Some(folder.0.join("shop")), |own| secrets = Some(own.clone())).await;
        shop.leave_unfinished();
        shop.product("p", 990, &cards("CARD", 3)).await;
        let buyer = shop.order("an-order-of-a-shop-in-a-folder", "p", 2).await;
        shop.pay(&buyer, "T1").await;
        shop.deliver_all().await;
        let keys = shop.keys(&buyer).await;
        assert_eq!(keys.len(), 2);
        before.replace(super::items(&shop));
        // A shop that is open has its folder to itself.
        let why = export_folder(&at(&folder.0.join("shop")), &folder.0.join("early"), &passphrase()).await;
        assert!(why.is_err(), "{why:?}");
        (buyer, keys)
    };
    let file = folder.0.join("shop.backup");
    let told = export_folder(&at(&folder.0.join("shop")), &file, &passphrase()).await.unwrap();
    assert!(told.contains("\"orders\": 1") && !told.contains(PASSPHRASE), "{told}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let why = export_folder(&at(&folder.0.join("shop")), &file, &passphrase()).await.unwrap_err();
    assert!(why.contains("exists already"), "{why}");

    let elsewhere = folder.0.join("elsewhere");
    let told = import_folder(&at(&elsewhere), &file, &passphrase()).await.unwrap();
    assert!(told.contains("\"closed\": false"), "{told}");
    let mut secrets_there = None;
    {
        let mut shop =
            TestShop::open_with(1_071, Some(elsewhere.clone()), |own| secrets_there = Some(own.clone())).await;
        shop.leave_unfinished();
        assert_eq!(shop.keys(&buyer).await, keys);
        assert_eq!(Some(super::items(&shop)), before);
        assert_eq!(shop.audit().await.differences, 0);
    }
    let (here, there) = (secrets.unwrap(), secrets_there.unwrap());
    assert_eq!((&here.shop, &here.admin_password), (&there.shop, &there.admin_password));
    assert_eq!((&here.sandbox_key, &here.shop_id), (&there.sandbox_key, &there.shop_id));
    assert_ne!(here.master, there.master, "the master key does not travel");
    let told = import_folder(&at(&elsewhere), &file, &passphrase()).await.unwrap();
    assert!(told.contains("\"done_before\": true"), "{told}");
}

#[tokio::test]
async fn a_bad_file_or_an_occupied_folder_is_left_as_it_is() {
    let (folder, ..) = a_folder(1_080, "backup-bad").await;
    let file = folder.0.join("shop.backup");
    export_folder(&at(&folder.0.join("shop")), &file, &passphrase()).await.unwrap();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let bad = folder.0.join("bad.backup");
    fs::write(&bad, &bytes).unwrap();
    let fresh = folder.0.join("fresh");
    import_folder(&at(&fresh), &bad, &passphrase()).await.unwrap_err();
    assert!(!fresh.exists(), "a file that does not verify makes not even a folder");
    // Over another shop.
    let (other, buyer, keys) = a_folder(1_081, "backup-other").await;
    let why = import_folder(&at(&other.0.join("shop")), &file, &passphrase()).await.unwrap_err();
    assert!(why.contains("another shop lives here"), "{why}");
    // And over the one it came from, which may have sold since.
    let why = import_folder(&at(&folder.0.join("shop")), &file, &passphrase()).await.unwrap_err();
    assert!(why.contains("there is a shop already"), "{why}");
    let mut shop = TestShop::open(1_082, Some(other.0.join("shop"))).await;
    shop.leave_unfinished();
    assert_eq!(shop.keys(&buyer).await, keys);
}

#[tokio::test]
async fn the_passphrase_is_no_flag_and_is_long_enough() {
    let args = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let short = |name: &str| (name == "KAMIVEND_BACKUP_PASSPHRASE").then(|| "too short".to_owned());
    let why = run("export", &args(&["file"]), short).await.unwrap_err();
    assert!(why.contains("12 characters") && !why.contains("too short"), "{why}");
    let long = |name: &str| (name == "KAMIVEND_BACKUP_PASSPHRASE").then(|| PASSPHRASE.to_owned());
    assert!(run("export", &args(&[]), long).await.unwrap_err().contains("name of a file"));
    assert!(run("export", &args(&["--data", "x"]), long).await.unwrap_err().contains("name of a file"));
    assert!(run("export", &args(&["file", "--passphrase", "x"]), long).await.unwrap_err().contains("not an option"));
}
