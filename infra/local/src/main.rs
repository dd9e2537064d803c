//! `cargo run`: the whole shop on this machine.

use local::backup;
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
    #[expect(clippy::disallowed_methods, reason = "the one home of the local shop's environment")]
    let variable = |name: &str| std::env::var(name).ok();
    let (command, flags) = match args.split_first() {
        Some((first, rest)) if !first.starts_with('-') => (Some(first.as_str()), rest),
        _ => (None, args.as_slice()),
    };
    if let Some(command @ ("export" | "verify" | "import")) = command {
        return match backup::run(command, flags, variable).await {
            Ok(report) => {
                say(&report);
                ExitCode::SUCCESS
            }
            Err(why) => {
                complain(&why);
                ExitCode::FAILURE
            }
        };
    }
    let is_evidence = command == Some("evidence");
    let is_deployed = is_evidence && flags.iter().any(|flag| flag == "--deployed");
    let flags: Vec<String> = flags.iter().filter(|flag| !is_deployed || *flag != "--deployed").cloned().collect();
    let options = options::parse(&flags, variable);
    let opened = match (command, options) {
        (_, Err(wrong)) => Err(wrong),
        (None, Ok(options)) => {
            functions::telemetry::start();
            Shop::open(options).await
        }
        (Some(look @ ("audit" | "restored" | "evidence")), Ok(options)) => {
            let looked = match look {
                "evidence" => Shop::evidence(options, is_deployed).await,
                _ => Shop::audit(options, look == "restored").await,
            };
            return match looked {
                Ok((report, clean)) => {
                    say(&report);
                    if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
                }
                Err(why) => {
                    complain(&why);
                    ExitCode::FAILURE
                }
            };
        }
        (Some(other), Ok(_)) => Err(format!("{other} is not a command; --help names them")),
    };
    match opened {
        Ok(shop) => {
            say(&welcome(&shop));
            shop.password_was_seen();
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
    let data = shop.data.as_ref().map_or("in memory".to_owned(), |f| f.display().to_string());
    let mut text = format!("Kamivend is open at {}\n  data       {data}\n  admin      admin", shop.url);
    if let Some(password) = &shop.unseen_password {
        text += &format!(" / {password}");
        if shop.data.is_some() {
            text += " (shown this once, kept in shop.json of the data folder)";
        }
    }
    let (pid, key) = &shop.sandbox;
    text += &format!("\n  mail       {}{} (nothing is sent; see it here)", shop.url, local::mail_page::PATH);
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
