//! `cargo run --profile proof -p tests --bin backup`: a shop of a hundred thousand orders is exported, wiped, imported and audited.
//!
//! The shop lies in a folder, as under `cargo run`, and is filled by the use cases that handlers call. After the import every item
//! of every table is held against what stood there, keys are opened with their old tokens, and the audit looks at everything.
//!
//! It is no test of `cargo test`: it takes minutes. `tests/api/backup.rs` asks the same of a small shop, and more.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "a test's program")]

mod filling;

use app::backup::Passphrase;
use filling::Shop;
use local::options::{self, Options};
use local::shop::Shop as Local;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;
use tests::Folder;

/// The words for `--help`.
const HELP: &str = "Fills a shop, exports it, wipes it, imports it and audits it.

  --orders N   how many orders (default 100000)
";

/// What is printed goes to whoever watches; when nobody does, the verdict is the exit code.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn orders() -> Result<Option<u32>, String> {
    let mut args = std::env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => Ok(Some(100_000)),
        (Some("--help" | "-h"), ..) => Ok(None),
        (Some("--orders"), Some(count), None) => {
            let fits = count.parse().ok().filter(|count| (1..=10_000_000).contains(count));
            fits.map(Some).ok_or_else(|| "--orders must be a whole number from 1 to 10000000".to_owned())
        }
        _ => Err("these are no options; --help names them all".to_owned()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let orders = match orders() {
        Ok(Some(orders)) => orders,
        Ok(None) => {
            say(HELP);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            say(&wrong);
            return ExitCode::FAILURE;
        }
    };
    match trial(orders).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(&format!("not as it must be: {why}"));
            ExitCode::FAILURE
        }
    }
}

fn at(folder: &std::path::Path) -> Options {
    options::parse(&[format!("--data={}", folder.display())], |_| None).unwrap()
}

/// The counts of a command's report.
fn counts(report: &str) -> String {
    let report: Value = serde_json::from_str(report).unwrap();
    report["counts"].to_string()
}

async fn trial(orders: u32) -> Result<(), String> {
    let folder = Folder::new("backup-trial");
    let (data, file) = (folder.0.join("shop"), folder.0.join("shop.backup"));
    let began = Instant::now();
    let took = |since: Instant| format!("{} s", since.elapsed().as_secs());

    let shop = Shop::open(&data).await;
    shop.hurry();
    let sold = filling::fill(&shop, orders).await;
    let (before, secrets) = (shop.sums().await, shop.secrets.shop.clone());
    drop(shop);
    say(&format!("filled: {} orders in {}", sold.orders, took(began)));

    let passphrase = Passphrase::new("a passphrase that nobody needs to keep").ok_or("no passphrase")?;
    let since = Instant::now();
    let told = local::backup::export_folder(&at(&data), &file, &passphrase).await?;
    let bytes = std::fs::metadata(&file).map_err(|e| e.to_string())?.len();
    say(&format!("exported: {} in {bytes} bytes, {}", counts(&told), took(since)));

    std::fs::remove_dir_all(&data).map_err(|e| e.to_string())?;
    say("wiped");

    let since = Instant::now();
    let told = local::backup::import_folder(&at(&data), &file, &passphrase).await?;
    say(&format!("imported: {}, {}", counts(&told), took(since)));

    let since = Instant::now();
    let (report, clean) = Local::audit(at(&data), false).await?;
    let report: Value = serde_json::from_str(&report).map_err(|e| e.to_string())?;
    say(&format!(
        "audited: strips {}, cards {}, orders {}, differences {}, {}",
        report["strips"],
        report["cards"],
        report["orders"],
        report["differences"],
        took(since)
    ));

    let shop = Shop::open(&data).await;
    if shop.secrets.shop != secrets {
        return Err("the shop has another secret".to_owned());
    }
    let opened = sold.open_again(&shop).await?;
    say(&format!("opened: {opened} keys by their old tokens"));
    let after = shop.sums().await;
    if before != after {
        return Err(format!("the tables differ: {before:?} before, {after:?} after"));
    }
    say(&format!("the same: {} items of the tables", after.iter().map(|(_, count, _)| count).sum::<u64>()));
    if !clean || report["differences"] != 0 || report["orders"].as_u64() != Some(u64::from(sold.orders)) {
        return Err(format!("the audit's report: {report}"));
    }
    say(&format!("differences 0, in {} altogether", took(began)));
    Ok(())
}
