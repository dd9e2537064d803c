//! `cargo run`: the whole shop on this machine.

use local::options;
use local::shop::Shop;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|a| a == "--help" || a == "-h") {
        say(&options::help());
        return ExitCode::SUCCESS;
    }
    functions::telemetry::start();
    #[expect(clippy::disallowed_methods, reason = "the one home of the local shop's environment")]
    let variable = |name: &str| std::env::var(name).ok();
    let opened = match options::parse(&args, variable) {
        Ok(options) => Shop::open(options).await.map_err(|e| e.to_string()),
        Err(wrong) => Err(format!("{wrong}\n\n{}", options::help())),
    };
    match opened {
        Ok(shop) => {
            say(&welcome(&shop));
            shop.run(stopped()).await;
            ExitCode::SUCCESS
        }
        Err(why) => {
            complain(&why);
            ExitCode::FAILURE
        }
    }
}

/// Ctrl-C, or a polite request to end.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

fn welcome(shop: &Shop) -> String {
    let mut text = format!("Kamivend is open at {}\n  data       {}\n  admin      admin", shop.url, shop.data);
    if shop.is_new {
        text += &format!(" / {} (shown this once, kept in the data folder)", shop.admin_password);
    }
    let (pid, key) = &shop.sandbox;
    text += &format!("\n  sandbox    pid {pid}, key {key} (no real money)\n");
    text
}

#[expect(clippy::print_stdout, reason = "the owner at the terminal reads this, not a log")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the owner at the terminal reads this, not a log")]
fn complain(text: &str) {
    eprintln!("{text}");
}
