//! One order through the logs of every function.

use crate::log;
use crate::watched::{Broken, MINUTE, SECOND, Watched, check};
use functions::reconcile::Job;
use functions::telemetry;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use tests::shop::cards;
use tests::{Buyer, Folder};

/// An order that goes through every function: ordered, asked about, lost and found, delivered, shown; and another beside it.
async fn story() -> (Buyer, Buyer, String) {
    log::listen();
    let mut watched = Watched::new(930).await;
    watched.shop.product("p", 990, &cards("C", 4)).await;
    let buyer = watched.shop.order("the-buyer-who-is-followed", "p", 1).await;
    let other = watched.shop.order("the-buyer-who-is-not-followed", "p", 1).await;
    let (front, _) = watched.shop.tapped(Broken::provider());
    check(&front, &buyer).await;
    watched.pass(6 * SECOND);
    check(watched.shop.front(), &buyer).await;
    watched.shop.pay(&other, "T2").await;
    watched.shop.deliver_all().await;
    watched.pass(MINUTE);
    watched.timer(Job::Reconcile).await;
    watched.shop.pay(&buyer, "T1").await;
    watched.shop.pay(&buyer, "T1").await;
    watched.shop.deliver_all().await;
    assert_eq!(watched.shop.keys(&buyer).await.len(), 1);
    assert_eq!(watched.shop.read(&buyer).await.0, 200);
    (buyer, other, log::take())
}

#[tokio::test(start_paused = true)]
async fn every_line_says_which_request_and_which_order_it_is_about() {
    let (buyer, _, text) = story().await;
    let lines = log::lines(&text);
    assert!(lines.len() > 20, "{}", lines.len());
    let ours = |line: &&Value| {
        let target = line["target"].as_str().unwrap();
        ["functions", "app", "store"].iter().any(|own| target.starts_with(own))
    };
    for line in lines.iter().filter(ours) {
        for member in ["timestamp", "level", "message", "target", "request_id", "function"] {
            assert!(line[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {line}");
        }
        assert!(line.get("_aws").is_none());
    }
    let about: Vec<&Value> = lines.iter().filter(|line| line["order"] == buyer.order.as_str()).collect();
    let functions: BTreeSet<&str> = about.iter().map(|line| line["function"].as_str().unwrap()).collect();
    assert_eq!(functions, ["create_order", "deliver", "order", "payment_webhook", "reveal"].into());
    // The end of every request says how it ended, and about which order.
    let ended: Vec<&Value> = lines.iter().filter(|line| line["message"] == "answered").collect();
    for line in ended.iter().filter(|line| line["route"].as_str().is_some_and(|r| r.contains("/orders/{id}"))) {
        assert_eq!(line["order"], buyer.order.as_str(), "{line}");
    }
    // The attempt stands where money is handled, and where a provider is asked.
    for message in ["ordered", "paid", "the provider gave no answer"] {
        let line = about.iter().find(|line| line["message"] == message).unwrap_or_else(|| panic!("no {message}"));
        assert_eq!(line["attempt"], buyer.attempt.as_str(), "{line}");
    }
    let delivered = about.iter().find(|line| line["message"] == "delivered").unwrap();
    assert!(delivered["message_id"].as_str().is_some_and(|id| !id.is_empty()), "{delivered}");
}

fn follow(arguments: &[&str], input: Option<&str>) -> (bool, String, String) {
    follow_with(None, arguments, input)
}

/// Follows with the programs of a folder before all others.
fn follow_with(programs: Option<&Path>, arguments: &[&str], input: Option<&str>) -> (bool, String, String) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new("bash");
    if let Some(programs) = programs {
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display()));
    }
    command.arg(root.join("infra/follow")).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    if let Some(input) = input {
        use std::io::Write;
        // A program that refuses its arguments does not read on.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    }
    drop(child.stdin.take());
    let done = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (done.status.success(), text(done.stdout), text(done.stderr))
}

#[tokio::test(start_paused = true)]
async fn one_command_shows_one_order_through_all_functions() {
    let (buyer, other, text) = story().await;
    let folder = Folder::new("follow");
    let file = folder.0.join("log");
    // A terminal's own words stand between the lines of a local shop.
    std::fs::write(&file, format!("Kamivend is open\n{text}{{\"_aws\":{{}}}}\n")).unwrap();
    let (fine, by_order, said) = follow(&["--local", file.to_str().unwrap(), &buyer.order], None);
    assert!(fine, "{said}");
    for function in ["create_order", "order", "payment_webhook", "deliver", "reveal"] {
        assert!(by_order.contains(function), "{function} in {by_order}");
    }
    assert!(!by_order.contains(&other.order), "{by_order}");
    let times: Vec<&str> = by_order.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(times.len() >= 8 && times.is_sorted(), "{by_order}");
    // By its attempt's number the same order is found, and from standard input too.
    let (fine, by_attempt, _) = follow(&["--local", "-", &buyer.attempt], Some(&text));
    assert!(fine);
    assert_eq!(by_attempt, by_order);
    let (fine, nothing, said) = follow(&["--local", "-", "00000000000000000000000A"], Some(&text));
    assert!(!fine && nothing.is_empty() && said.contains("nothing"), "{said}");
    for bad in ["", "a b", "x'y", "'; drop", "*"] {
        let (fine, _, said) = follow(&["--local", "-", bad], Some(&text));
        assert!(!fine && said.contains("order"), "{bad}: {said}");
    }
}

/// The `aws` command as far as following needs it: two stacks, one of whose names begins with the other's, a query that runs for a
/// moment, and lines by one equation, no more than were asked for.
const AWS: &str = r#"#!/usr/bin/env bash
here=$(dirname "$0")
printf '%s\n' "$*" >> "$here/asked"
case "$1 $2" in
  "cloudformation list-stack-resources")
    case "$*" in
      *"--stack-name shop --"*) printf '/kamivend/shop/api\t/aws/lambda/shop-deliver\t/aws/lambda/shop-order\n' ;;
      *"--stack-name shop-x --"*) printf '/aws/lambda/shop-x-deliver\n' ;;
      *) exit 254 ;;
    esac ;;
  "logs describe-log-groups") printf '/aws/lambda/shop-deliver\t/aws/lambda/shop-order\t/aws/lambda/shop-x-deliver\n' ;;
  "logs start-query")
    query=$(printf '%s' "$*" | sed "s/.*filter \([a-z]*\) = '\([^']*\)'.*/\"\1\":\"\2\"/")
    printf '%s' "$*" | sed 's/.*--limit \([0-9]*\).*/\1/' > "$here/limit"
    printf '%s' "$query" > "$here/query"; rm -f "$here/ran"; echo Q ;;
  "logs get-query-results")
    case "$*" in
      *"--query status"*) if [ -e "$here/ran" ]; then echo Complete; else touch "$here/ran"; echo Running; fi ;;
      *) grep -F "$(cat "$here/query")" "$here/log" | sed -n "1,$(cat "$here/limit")p" || true ;;
    esac ;;
  *) exit 9 ;;
esac
"#;

#[tokio::test(start_paused = true)]
async fn a_deployed_shop_is_asked_through_logs_insights() {
    use std::os::unix::fs::PermissionsExt;
    let (buyer, other, text) = story().await;
    let folder = Folder::new("follow-aws");
    let aws = folder.0.join("aws");
    std::fs::write(&aws, AWS).unwrap();
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.0.join("log"), &text).unwrap();
    let (_, here, _) = follow(&["--local", "-", &buyer.order], Some(&text));
    for number in [&buyer.order, &buyer.attempt] {
        let (fine, there, said) = follow_with(Some(&folder.0), &["shop", number, "48"], None);
        assert!(fine && said.is_empty(), "{said}");
        assert_eq!(there, here);
        assert!(!there.contains(&other.order));
    }
    let asked = std::fs::read_to_string(folder.0.join("asked")).unwrap();
    let questions: Vec<&str> = asked.lines().filter(|line| line.starts_with("logs start-query")).collect();
    assert!(questions.len() >= 4, "{asked}");
    for question in questions {
        let groups = question.split("--log-group-names ").nth(1).unwrap();
        assert_eq!(groups, "/aws/lambda/shop-deliver /aws/lambda/shop-order", "of this stack and no other: {question}");
    }
    // More lines than one question is answered with: it says so, and shows the first of them.
    let line = text.lines().find(|line| line.contains(&format!("\"order\":\"{}\"", buyer.order))).unwrap();
    for (lines, is_cut) in [(9_999, false), (10_050, true)] {
        std::fs::write(folder.0.join("log"), format!("{line}\n").repeat(lines)).unwrap();
        let (fine, there, said) = follow_with(Some(&folder.0), &["shop", &buyer.order], None);
        assert!(fine, "{said}");
        assert_eq!((there.lines().count(), said.contains("there is more")), (lines.min(10_000), is_cut), "{said}");
    }
    std::fs::write(folder.0.join("log"), &text).unwrap();
    let (fine, _, said) = follow_with(Some(&folder.0), &["another", &buyer.order], None);
    assert!(!fine && said.contains("no stack another"), "{said}");
    let (fine, _, said) = follow_with(Some(&folder.0), &["shop", "00000000000000000000000A"], None);
    assert!(!fine && said.contains("nothing"), "{said}");
    for bad in [["shop'", &buyer.order, "1"], ["shop", &buyer.order, "x"], ["shop", "a'b", "1"]] {
        assert!(!follow_with(Some(&folder.0), &bad, None).0, "{bad:?}");
    }
}

/// Below `info` libraries write down what they send; no wish lets them, not even one that names them.
#[test]
fn nobody_s_wish_makes_libraries_talk() {
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::layer::{Layer, SubscriberExt};
    #[derive(Clone, Default)]
    struct To(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for To {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let said = |wish: Option<&str>| {
        let to = To::default();
        let out = to.clone();
        let lines = telemetry::Lines::new(app::Clock::system(), move || out.clone());
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(telemetry::filter(wish)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::callsite::rebuild_interest_cache();
            tracing::debug!(target: "aws_smithy_runtime::client", "a library's talk");
            tracing::info!(target: "aws_smithy_runtime::client", "a library's news");
            tracing::trace!(target: "app::settle", "our own talk");
            telemetry::invocation("deliver", "I", None).in_scope(|| {
                let span = tracing::error_span!(target: "functions", "request", request_id = "R", n = 7, ok = true);
                span.in_scope(|| tracing::error!(target: "functions", n = 8, why = %"x", "our own \"news\""));
            });
        });
        let text = to.0.lock().unwrap().clone();
        log::lines(&String::from_utf8(text).unwrap())
    };
    let messages = |lines: &[Value]| -> Vec<String> {
        lines.iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    };
    for wish in
        ["trace", "aws_smithy_runtime=trace,app=trace,functions=trace", "aws_smithy_runtime::client=trace,trace"]
    {
        let all = ["a library's news", "our own talk", "our own \"news\""];
        assert_eq!(messages(&said(Some(wish))), all, "{wish}");
    }
    assert_eq!(messages(&said(None)), ["a library's news", "our own \"news\""]);
    // What is silenced takes no member of a louder line with it.
    let quiet = said(Some("error"));
    assert_eq!(quiet[0]["function"], "deliver");
    assert_eq!(messages(&quiet), ["our own \"news\""]);
    assert_eq!(
        (&quiet[0]["request_id"], &quiet[0]["n"], &quiet[0]["ok"], &quiet[0]["why"], &quiet[0]["level"]),
        (&"R".into(), &8.into(), &true.into(), &"x".into(), &"ERROR".into())
    );
}
