//! The gateway as the shop's own calls reach it: beneath the seam, where a tap can lose, delay or refuse them.

use super::*;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use local::engine::Engine;
use local::seam::{Call, Fate, Outside, Seam, Tap};
use local::sqs::{Sqs, Storage};
use payments::RefundState;
use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::{Instant, timeout};

const SHOP: &str = "http://127.0.0.1:3000";

/// Gives each call the next fate, and remembers what passed.
#[derive(Debug, Default)]
struct Fates {
    next: Mutex<VecDeque<Fate>>,
    seen: Mutex<Vec<Call>>,
    answered: Mutex<Vec<(String, u16)>>,
    dead: AtomicU64,
}

impl Tap for Fates {
    fn fate(&self, call: &Call) -> Fate {
        self.seen.lock().unwrap().push(call.clone());
        self.next.lock().unwrap().pop_front().unwrap_or(Fate::Pass)
    }

    fn answered(&self, call: &Call, status: u16, _: &[u8]) {
        self.answered.lock().unwrap().push((call.operation().to_owned(), status));
    }

    fn died(&self) {
        self.dead.fetch_add(1, Ordering::Relaxed);
    }
}

/// The usual gateway with a seam over it.
struct Net {
    world: World,
    seam: Seam,
    tap: Arc<Fates>,
}

fn net() -> Net {
    net_over(world())
}

fn net_over(world: World) -> Net {
    let (_, clock, ids) = clock_and_ids();
    let sqs = Sqs::open(Storage::Memory, clock, ids).unwrap();
    let tap = Arc::new(Fates::default());
    let engine = Engine::open(None).unwrap();
    let seam = Seam::new(engine, sqs, world.gateway.clone(), SHOP, tap.clone());
    Net { world, seam, tap }
}

fn request(method: &str, url: &str, headers: &[(String, String)], body: &[u8]) -> HttpRequest {
    let mut request = HttpRequest::new(SdkBody::from(body.to_vec()));
    request.set_method(method).unwrap();
    request.set_uri(url).unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    request
}

fn content_type(response: &HttpResponse) -> &str {
    response.headers().get("content-type").unwrap_or_default()
}

impl Net {
    fn fates(&self, fates: &[Fate]) {
        self.tap.next.lock().unwrap().extend(fates.iter().cloned());
    }

    fn last(&self) -> Call {
        self.tap.seen.lock().unwrap().last().unwrap().clone()
    }

    async fn send(&self, request: &payments::HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.seam.call(self::request(request.method, &request.url, &request.headers, &request.body)).await
    }

    /// Drives a step as the shop does: a call that brought nothing is a reply that was none.
    async fn drive<T>(&self, mut step: Step<T>) -> T {
        loop {
            match step {
                Step::Done(answer) => return answer,
                Step::Send(request, next) => {
                    let reply = self.send(&request).await.ok().map(|response| {
                        HttpReply::bare(response.status().as_u16(), response.body().bytes().unwrap().to_vec())
                    });
                    step = next(reply);
                }
            }
        }
    }

    async fn ask(&self) -> QueryState {
        self.drive(channel().query(&asked(&number()), &CALL)).await
    }

    async fn ask_by(&self, trade_no: &str) -> QueryState {
        self.drive(channel().query_number(trade_no, &CALL).unwrap()).await
    }

    async fn refund(&self, trade_no: &str, minor: i64) -> RefundState {
        let amount = Money { minor, currency: Currency::CNY };
        self.drive(refunding().refund(&back(trade_no, amount), &CALL).unwrap()).await
    }

    /// A trade of 9.90 that was paid.
    fn paid(&self) -> String {
        let trade_no = self.world.open();
        self.world.press(&trade_no, "pay");
        trade_no
    }

    /// What the merchant has.
    fn balance(&self) -> Value {
        self.world.api(&format!("act=query&pid={PID}&key={KEY}"))["money"].clone()
    }
}

fn refunding() -> Channel {
    let options = Options { refund: Some(0), ..Options::default() };
    Channel::new(Account::new(BASE, PID, Secret::new(KEY.to_owned()), options).unwrap())
}

#[tokio::test]
async fn a_trade_is_asked_about_through_the_seam() {
    let net = net();
    assert_eq!(net.ask().await, QueryState::NotFound);
    let trade_no = net.world.open();
    assert_eq!(net.ask().await, QueryState::Pending);
    assert_eq!(net.ask_by(&trade_no).await, QueryState::Pending);
    let sent = net.world.press(&trade_no, "pay_twice").notify;
    let [first, second] = sent.as_slice() else { panic!("two payments") };
    assert_eq!(net.ask().await, QueryState::Paid(paid(first)));
    // Only the gateway's own number tells the second of two payments.
    assert_eq!(net.ask_by(&first.trade_no).await, QueryState::Paid(paid(first)));
    assert_eq!(net.ask_by(&second.trade_no).await, QueryState::Paid(paid(second)));
    assert_eq!(net.ask_by("1").await, QueryState::NotFound);
}

#[tokio::test]
async fn a_refund_goes_through_the_seam() {
    let net = net();
    let trade_no = net.world.open();
    assert_eq!(net.refund(&trade_no, 990).await, RefundState::Refused("该订单未支付，不能退款"));
    net.world.press(&trade_no, "pay");
    assert_eq!(net.refund("1", 990).await, RefundState::Refused("订单号不存在"));
    assert_eq!(net.refund(&trade_no, 991).await, RefundState::Refused("退款金额大于可退金额"));
    assert_eq!(net.refund(&trade_no, 400).await, RefundState::Done);
    assert!(matches!(net.ask_by(&trade_no).await, QueryState::Paid(_)), "part of it is still there");
    assert_eq!(net.refund(&trade_no, 590).await, RefundState::Done);
    assert_eq!(net.ask_by(&trade_no).await, QueryState::Refunded);
    assert_eq!(net.ask().await, QueryState::Refunded);

    let amount = Money { minor: 1, currency: Currency::CNY };
    for (pid, key, words) in [("1001", KEY, "PID不存在"), (PID, "wrong", "KEY校验失败")] {
        let options = Options { refund: Some(0), ..Options::default() };
        let stranger = Channel::new(Account::new(BASE, pid, Secret::new(key.to_owned()), options).unwrap());
        assert_eq!(
            net.drive(stranger.refund(&back(&trade_no, amount), &CALL).unwrap()).await,
            RefundState::Refused(words)
        );
    }
}

/// A gateway that calls success by another code than we were told is not believed, and not disbelieved.
#[tokio::test]
async fn an_unexpected_code_of_success_is_found_out_by_asking() {
    let World { gateway, now } = world();
    let net = net_over(World { gateway: gateway.with_refund_code(1), now });
    let trade_no = net.paid();
    assert!(matches!(net.refund(&trade_no, 990).await, RefundState::Unknown(_)));
    assert_eq!(net.ask_by(&trade_no).await, QueryState::Refunded);
}

/// The money is gone, and nobody heard. Sent again it is refused, which must not be read as "it never went".
#[tokio::test]
async fn a_lost_reply_to_a_refund_is_found_again_by_asking() {
    let net = net();
    let trade_no = net.paid();
    net.fates(&[Fate::LoseReply]);
    assert_eq!(net.refund(&trade_no, 990).await, RefundState::Unknown("no reply"));
    assert_eq!(net.balance(), "0.00");
    assert_eq!(net.refund(&trade_no, 990).await, RefundState::Refused("退款金额大于可退金额"));
    assert_eq!(net.ask_by(&trade_no).await, QueryState::Refunded);
    assert_eq!(net.balance(), "0.00");
}

#[tokio::test]
async fn a_lost_request_has_no_effect() {
    let net = net();
    let trade_no = net.paid();
    net.fates(&[Fate::LoseRequest, Fate::LoseRequest]);
    assert_eq!(net.refund(&trade_no, 990).await, RefundState::Unknown("no reply"));
    assert_eq!(net.ask_by(&trade_no).await, QueryState::Unknown("no reply"));
    assert!(net.tap.answered.lock().unwrap().is_empty());
    assert_eq!(net.balance(), "9.90");
    assert!(matches!(net.ask_by(&trade_no).await, QueryState::Paid(_)));
    assert_eq!(net.refund(&trade_no, 990).await, RefundState::Done);
}

#[tokio::test]
async fn too_many_requests_are_a_page_of_html() {
    let net = net();
    let trade_no = net.paid();
    net.fates(&[Fate::Throttle, Fate::Throttle, Fate::Throttle]);
    assert!(matches!(net.ask().await, QueryState::Unknown(_)));
    assert!(matches!(net.refund(&trade_no, 990).await, RefundState::Unknown(_)));
    let Step::Send(request, _) = channel().query(&asked(&number()), &CALL) else { panic!("a query asks") };
    let response = net.send(&request).await.unwrap();
    assert_eq!((response.status().as_u16(), content_type(&response)), (429, "text/html"));
    assert!(response.body().bytes().unwrap().starts_with(b"<html>"));
    assert_eq!(net.balance(), "9.90");
}

#[tokio::test(start_paused = true)]
async fn calls_can_be_late_changed_or_cut_off() {
    let net = net();
    let trade_no = net.paid();
    let start = Instant::now();
    net.fates(&[Fate::Delay(Duration::from_secs(3))]);
    assert!(matches!(net.ask().await, QueryState::Paid(_)));
    assert_eq!(start.elapsed(), Duration::from_secs(3));

    let other = format!("pid={PID}&key={KEY}&trade_no={trade_no}&money=0.01");
    net.fates(&[Fate::Rewrite(other.into_bytes())]);
    assert_eq!(net.refund(&trade_no, 990).await, RefundState::Done);
    assert_eq!(net.balance(), "9.89");

    for (fate, left, dead) in [(Fate::DieBefore, "9.89", 1), (Fate::DieAfter, "9.88", 2)] {
        net.fates(&[fate]);
        assert!(timeout(Duration::from_secs(3_600), net.refund(&trade_no, 1)).await.is_err(), "nobody hears");
        assert_eq!((net.balance(), net.tap.dead.load(Ordering::Relaxed)), (left.into(), dead));
    }
}

/// 503 and HTML, as a gateway's front answers for it: no answer, and no effect.
#[tokio::test]
async fn a_gateway_that_is_down_changes_nothing() {
    let net = net();
    let trade_no = net.paid();
    net.world.gateway.set_down(true);
    assert!(matches!(net.ask().await, QueryState::Unknown(_)));
    assert!(matches!(net.ask_by(&trade_no).await, QueryState::Unknown(_)));
    assert!(matches!(net.refund(&trade_no, 990).await, RefundState::Unknown(_)));
    let Step::Send(request, _) = channel().query(&asked(&number()), &CALL) else { panic!("a query asks") };
    let response = net.send(&request).await.unwrap();
    assert_eq!((response.status().as_u16(), content_type(&response)), (503, "text/html; charset=utf-8"));
    for page in [
        net.world.submit(&order_query()),
        net.world.submit(&signed_order(&[("out_trade_no", "another")])),
        net.world.press(&trade_no, "pay_twice"),
        net.world.get(&format!("/sandbox/pay/{trade_no}"), ""),
    ] {
        assert_eq!((page.status, header(&page, "content-type")), (503, "text/html; charset=utf-8"));
        assert!(page.notify.is_empty() && !text(&page).contains(KEY));
    }
    net.world.gateway.set_down(false);
    assert_eq!(net.balance(), "9.90");
    let another = net.world.api(&format!("act=order&pid={PID}&key={KEY}&out_trade_no=another"));
    assert_eq!(another["msg"], "订单号不存在");
    assert_eq!(net.refund(&trade_no, 990).await, RefundState::Done);
}

/// A tap sees all of a call, and prints nothing of it that opens anything.
#[tokio::test]
async fn what_a_tap_sees_of_a_provider_call() {
    let net = net();
    let trade_no = net.paid();
    net.refund(&trade_no, 990).await;
    let refund = net.last();
    assert_eq!(refund.target, format!("{BASE}/api.php"));
    assert_eq!((refund.method.as_str(), refund.query.as_str(), refund.operation()), ("POST", "act=refund", "/api.php"));
    let kind = refund.headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    assert_eq!(kind, Some("application/x-www-form-urlencoded"));
    let body = format!("pid={PID}&key={KEY}&trade_no={trade_no}&money=9.90");
    assert_eq!(std::str::from_utf8(&refund.body), Ok(body.as_str()));
    net.ask().await;
    let query = net.last();
    assert_eq!((query.target, query.method.as_str()), (refund.target.clone(), "GET"));
    assert!(query.query.contains(KEY) && query.body.is_empty() && query.headers.len() == 2);
    assert_eq!(*net.tap.answered.lock().unwrap(), [("/api.php".to_owned(), 200), ("/api.php".to_owned(), 200)]);
    for call in net.tap.seen.lock().unwrap().iter() {
        assert!(call.is_plain());
        let printed = format!("{call:?} {call:#?}");
        assert!(printed.contains(&format!("{BASE}/api.php")), "{printed}");
        for secret in [KEY, &trade_no, NUMBER, "act=", "107, 101, 121"] {
            assert!(!printed.contains(secret), "{secret}: {printed}");
        }
    }
    assert!(!format!("{:?}", net.seam).contains(KEY));
}

#[tokio::test]
async fn nothing_else_is_in_this_world() {
    let net = net();
    let query = format!("act=order&pid={PID}&key={KEY}&out_trade_no={NUMBER}");
    for address in [
        "https://gateway.example/sandbox/api.php".to_owned(),
        format!("{SHOP}.example/sandbox/api.php"),
        format!("{SHOP}0/sandbox/api.php"),
        format!("{SHOP}/sandbox.example/api.php"),
        format!("{SHOP}/api/orders"),
        format!("{SHOP}/"),
        "http://127.0.0.1/sandbox/api.php".to_owned(),
    ] {
        let error = net.seam.call(request("GET", &format!("{address}?{query}"), &[], b"")).await.unwrap_err();
        assert!(error.is_io(), "{address}");
        let printed = format!("{error} {error:?}");
        assert!(printed.contains("this world has no") && !printed.contains(KEY), "{printed}");
    }
    // With a way out of it, this machine can be reached and nothing else; the path of a chat's robot is its secret.
    let seam = net.seam.clone().with_outside(Outside::OwnMachine(app::net::production()));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = seam.call(request("POST", &format!("http://{nobody}/{KEY}"), &[], b"")).await.unwrap_err();
    assert!(!error.to_string().contains("this world has no"), "{error:?}");
    for address in ["https://gateway.example", "http://127.0.0.1.example:80", "http://127.0.0.1:1@evil.example"] {
        let error = seam.call(request("POST", &format!("{address}/{KEY}"), &[], b"")).await.unwrap_err();
        let printed = format!("{error} {error:?}");
        assert!(printed.contains("this world has no") && !printed.contains(KEY), "{printed}");
    }
    let lost = net.seam.call(request("GET", &format!("{BASE}/other.php"), &[], b"")).await.unwrap();
    assert_eq!((lost.status().as_u16(), content_type(&lost)), (404, "text/html; charset=utf-8"));
}

/// The header decides, not the address: the SDK's endpoints are nobody's.
#[tokio::test]
async fn aws_calls_go_where_they_went() {
    let net = net();
    for (target, operation) in [("DynamoDB_20120810.ListTables", "ListTables"), ("AmazonSQS.ListQueues", "ListQueues")]
    {
        let named = [("x-amz-target".to_owned(), target.to_owned())];
        for url in ["http://aws.local/", "http://127.0.0.1:3000/sandbox/api.php?key=1"] {
            let response = net.seam.call(request("POST", url, &named, b"{}")).await.unwrap();
            assert_eq!(content_type(&response), "application/x-amz-json-1.0");
            let call = net.last();
            assert_eq!((call.target.as_str(), call.operation(), call.is_plain()), (target, operation, false));
            assert!(call.query.is_empty() && call.headers.is_empty() && call.body == b"{}");
            assert_eq!(format!("{call:?}"), format!("Call {{ target: \"{target}\", body: [123, 125] }}"));
        }
        net.fates(&[Fate::Throttle]);
        let response = net.seam.call(request("POST", "http://aws.local/", &named, b"{}")).await.unwrap();
        assert_eq!((response.status().as_u16(), content_type(&response)), (400, "application/x-amz-json-1.0"));
    }
    let sqs = net.seam.call(request(
        "POST",
        "http://aws.local/",
        &[("x-amz-target".to_owned(), "AmazonSQS.No".to_owned())],
        b"{}",
    ));
    let response = sqs.await.unwrap();
    assert!(response.headers().get("x-amzn-query-error").is_some());
}
