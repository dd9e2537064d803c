//! The provider that answers as Alipay does, with our own codec as its customer: two opinions about one protocol.

use domain::{Currency, Money, OutTradeNo};
use local::fakes::alipay::Alipay;
use local::fakes::{Fake, FakeNotice, Seal, Twist};
use local::gateway::GatewayRequest;
use payments::{
    AttemptRef, AttemptView, Call, Channel, CloseState, CreateError, Created, Device, HttpReply, HttpRequest, Notice,
    Outcome, Paid, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Settings, Started, Step,
};

const BASE: &str = "http://127.0.0.1:3000";
const NUMBER: &str = "0123456789ABCDEFGHJKMNPQAZ1";
const REFUND: &str = "R0011223344556677";
const NOW: Call = Call { now: 1_795_323_967_000, nonce: [7; 16] };
const MINUTE: i64 = 60_000;

fn fakes() -> [Alipay; 2] {
    [Alipay::with_keys().unwrap(), Alipay::with_certificates().unwrap()]
}

fn open(settings: &Settings) -> Channel {
    (payments::kind("alipay").unwrap().open)(settings).unwrap()
}

fn channel(fake: &Alipay) -> Channel {
    open(&fake.settings(BASE))
}

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn later(minutes: i64) -> Call {
    Call { now: NOW.now + minutes * MINUTE, ..NOW }
}

fn request(sent: &HttpRequest) -> GatewayRequest {
    let rest = sent.url.strip_prefix(BASE).unwrap();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    GatewayRequest {
        method: sent.method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: sent.headers.clone(),
        body: sent.body.clone(),
    }
}

fn drive<T>(fake: &Alipay, mut step: Step<T>, call: &Call, seal: Seal) -> T {
    loop {
        match step {
            Step::Done(answer) => return answer,
            Step::Send(sent, next) => {
                let answer = fake.handle(&request(&sent), call, seal);
                step = next(Some(HttpReply { status: answer.status, headers: answer.headers, body: answer.body }));
            }
        }
    }
}

fn start(fake: &Alipay, method: &str, call: &Call, seal: Seal) -> Result<Started, CreateError> {
    let number = number();
    let attempt = AttemptView {
        out_trade_no: &number,
        amount: yuan(990),
        product_name: "月卡 30 days",
        notify_url: "https://shop.example/webhooks/alipay",
        return_url: "https://shop.example/o/0123456789ABCDEFGHJKMNPQ",
        method: Some(method),
        device: Device::Desktop,
        client_ip: None,
        payer: None,
        expires_at: NOW.now + 15 * MINUTE,
    };
    drive(fake, channel(fake).create(&attempt, call), call, seal)
}

/// Starts an attempt and, where it is a page, opens it.
fn started(fake: &Alipay, method: &str) {
    match start(fake, method, &NOW, Seal::Right).unwrap().shown {
        Created::Qr(code) => assert!(code.starts_with("https://qr.alipay.com/")),
        Created::Redirect(url) => {
            let sent = HttpRequest { method: "GET", url, headers: Vec::new(), body: Vec::new() };
            assert_eq!(fake.handle(&request(&sent), &NOW, Seal::Right).status, 200);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(fake.attempts(), [NUMBER]);
}

fn query(fake: &Alipay, call: &Call, seal: Seal) -> QueryState {
    let number = number();
    drive(fake, channel(fake).query(&AttemptRef::by_number(&number, yuan(990)), call), call, seal)
}

fn close(fake: &Alipay, call: &Call, seal: Seal) -> CloseState {
    let number = number();
    drive(fake, channel(fake).close(&AttemptRef::by_number(&number, yuan(990)), call).unwrap(), call, seal)
}

fn verify(channel: &Channel, notice: &FakeNotice) -> Result<Notice, Reject> {
    let (_, query) = notice.url.split_once('?').unwrap_or((&notice.url, ""));
    let request = RawRequest { method: notice.method, query, headers: &notice.headers, body: &notice.body };
    channel.verify(&request, NOW.now)
}

fn paid(fake: &Alipay) -> Paid {
    let Ok(Notice::Paid(paid)) = verify(&channel(fake), &fake.notice(NUMBER, Twist::None, &NOW).unwrap()) else {
        panic!("not paid")
    };
    paid
}

#[test]
fn from_the_order_to_the_money() {
    for fake in fakes() {
        for method in ["qr", "page", "wap"] {
            let fake = if fake.settings(BASE).get("app_cert").is_some() {
                Alipay::with_certificates()
            } else {
                Alipay::with_keys()
            };
            let fake = fake.unwrap();
            assert_eq!(query(&fake, &NOW, Seal::Right), QueryState::NotFound);
            started(&fake, method);
            // A code is no trade until somebody scans it.
            let before = query(&fake, &NOW, Seal::Right);
            assert_eq!(before, if method == "qr" { QueryState::NotFound } else { QueryState::Pending });
            fake.scan(NUMBER).unwrap();
            assert_eq!(query(&fake, &NOW, Seal::Right), QueryState::Pending);
            assert_eq!(fake.notice(NUMBER, Twist::None, &NOW), None);
            fake.pay(NUMBER, None, &NOW).unwrap();
            let told = paid(&fake);
            assert_eq!((told.out_trade_no.as_str(), told.amount), (NUMBER, yuan(990)));
            assert_eq!(query(&fake, &NOW, Seal::Right), QueryState::Paid(told.clone()));
            let asked = channel(&fake).query_number(&told.provider_number, &NOW).unwrap();
            assert_eq!(drive(&fake, asked, &NOW, Seal::Right), QueryState::Paid(told.clone()));
            // Paid again, it is the same payment; and it is reported in the same words.
            let first = fake.notice(NUMBER, Twist::None, &NOW);
            fake.pay(NUMBER, None, &later(1)).unwrap();
            assert_eq!(fake.notice(NUMBER, Twist::None, &later(30)), first);
            assert_eq!(close(&fake, &NOW, Seal::Right), CloseState::Paid);
        }
    }
}

#[test]
fn another_amount_is_told_as_it_is() {
    for fake in fakes() {
        started(&fake, "qr");
        fake.pay(NUMBER, Some(1), &NOW).unwrap();
        assert_eq!(paid(&fake).amount, yuan(1));
        assert!(matches!(query(&fake, &NOW, Seal::Right), QueryState::Paid(paid) if paid.amount == yuan(1)));
    }
}

#[test]
fn every_twisted_notice_is_refused_or_what_it_says() {
    for fake in fakes() {
        for method in ["qr", "wap"] {
            if fake.attempts().is_empty() {
                started(&fake, method);
                fake.pay(NUMBER, None, &NOW).unwrap();
            }
        }
        let told = |twist| fake.notice(NUMBER, twist, &NOW).map(|notice| verify(&channel(&fake), &notice));
        assert!(matches!(told(Twist::None), Some(Ok(Notice::Paid(_)))));
        assert_eq!(told(Twist::WrongKey), Some(Err(Reject::BadSignature)));
        assert_eq!(told(Twist::Unsigned), Some(Err(Reject::BadSignature)));
        assert_eq!(told(Twist::OtherMerchant), Some(Err(Reject::OtherMerchant)));
        assert_eq!(told(Twist::Changed), Some(Err(Reject::BadSignature)));
        assert_eq!(told(Twist::OwnRequest), Some(Err(Reject::BadSignature)));
        assert_eq!(told(Twist::Old), None);
        assert_eq!(told(Twist::NotPaid), Some(Ok(Notice::NotPaid)));
        // It is the order that refuses another currency, with the money booked.
        let usd = Currency::parse("USD").unwrap();
        assert!(matches!(told(Twist::OtherCurrency), Some(Ok(Notice::Paid(paid))) if paid.amount.currency == usd));
        let channel = channel(&fake);
        let heard = |outcome| {
            let ack = channel.ack(outcome);
            fake.is_acknowledged(ack.status, ack.body.as_bytes())
        };
        assert!(heard(Outcome::Accepted) && !heard(Outcome::Rejected) && !heard(Outcome::TryAgain));
        assert!(!fake.is_acknowledged(200, b"success\n") && !fake.is_acknowledged(302, b"success"));
    }
}

/// What the fake does it does in any case; what it says counts only when it is signed as Alipay signs.
#[test]
fn an_answer_that_is_not_sealed_right_is_none() {
    for fake in fakes() {
        let channel = channel(&fake);
        for seal in [Seal::Wrong, Seal::Missing] {
            assert!(matches!(start(&fake, "qr", &NOW, seal), Err(CreateError::Unknown(_))), "{seal:?}");
            assert!(matches!(query(&fake, &NOW, seal), QueryState::Unknown(_)), "{seal:?}");
            assert!(matches!(close(&fake, &NOW, seal), CloseState::Unknown(_)), "{seal:?}");
        }
        assert_eq!(drive(&fake, channel.probe(&NOW), &NOW, Seal::Right), Probe::Works { signed: true });
        assert_eq!(drive(&fake, channel.probe(&NOW), &NOW, Seal::Wrong), Probe::ForeignKey);
        assert!(matches!(drive(&fake, channel.probe(&NOW), &NOW, Seal::Missing), Probe::Unknown(_)));
        fake.pay(NUMBER, None, &NOW).unwrap();
        let number = paid(&fake).provider_number;
        let view = RefundView {
            out_trade_no: NUMBER,
            provider_number: &number,
            paid: yuan(990),
            amount: yuan(990),
            refund_no: REFUND,
        };
        for seal in [Seal::Wrong, Seal::Missing] {
            let state = drive(&fake, channel.refund(&view, &NOW).unwrap(), &NOW, seal);
            assert!(matches!(state, RefundState::Unknown(_)), "{seal:?}: {state:?}");
            let state = drive(&fake, channel.refund_query(&view, &NOW).unwrap(), &NOW, seal);
            assert!(matches!(state, RefundState::Unknown(_)), "{seal:?}: {state:?}");
        }
        // It had gone back with the first of them, and once.
        assert_eq!(drive(&fake, channel.refund(&view, &NOW).unwrap(), &NOW, Seal::Right), RefundState::Done);
        assert_eq!(fake.returned(NUMBER), 990);
    }
}

#[test]
fn a_closed_trade_is_not_paid_and_a_code_ends_with_its_time() {
    for fake in fakes() {
        started(&fake, "qr");
        // Nobody has scanned it, so there is nothing to close, and it can be scanned until its time is over.
        assert_eq!(close(&fake, &NOW, Seal::Right), CloseState::Closed);
        assert_eq!(fake.pay(NUMBER, None, &later(16)), None);
        fake.scan(NUMBER).unwrap();
        assert_eq!(close(&fake, &later(1), Seal::Right), CloseState::Closed);
        assert_eq!(query(&fake, &later(1), Seal::Right), QueryState::Closed);
        assert_eq!(close(&fake, &later(1), Seal::Right), CloseState::Closed, "closed twice");
        assert_eq!(fake.pay(NUMBER, None, &later(1)), None);
        assert!(matches!(start(&fake, "qr", &NOW, Seal::Right), Err(CreateError::Refused(_))));
    }
    let fake = Alipay::with_keys().unwrap();
    started(&fake, "wap");
    assert_eq!(query(&fake, &later(15), Seal::Right), QueryState::Pending);
    assert_eq!(query(&fake, &later(16), Seal::Right), QueryState::Closed);
}

#[test]
fn money_goes_back_once_for_each_number() {
    for fake in fakes() {
        let channel = channel(&fake);
        started(&fake, "qr");
        fake.pay(NUMBER, None, &NOW).unwrap();
        let number = paid(&fake).provider_number;
        let view = |minor, refund_no| RefundView {
            out_trade_no: NUMBER,
            provider_number: &number,
            paid: yuan(990),
            amount: yuan(minor),
            refund_no,
        };
        let send = |view: &RefundView<'_>| drive(&fake, channel.refund(view, &NOW).unwrap(), &NOW, Seal::Right);
        let ask = |view: &RefundView<'_>| drive(&fake, channel.refund_query(view, &NOW).unwrap(), &NOW, Seal::Right);
        let part = view(400, REFUND);
        assert!(matches!(ask(&part), RefundState::Unknown(_)), "not asked for yet");
        for _ in 0..3 {
            assert_eq!(send(&part), RefundState::Done);
            assert_eq!(fake.returned(NUMBER), 400);
        }
        assert_eq!(ask(&part), RefundState::Done);
        assert!(matches!(ask(&view(399, REFUND)), RefundState::Unknown(_)), "another amount under this number");
        assert!(matches!(send(&view(399, REFUND)), RefundState::Refused(_)), "the same number for another amount");
        // After a part Alipay says "paid" once more, and it is no payment.
        let again = fake.refund_notice(NUMBER, &NOW).unwrap();
        assert_eq!(verify(&channel, &again), Ok(Notice::NotPaid));
        assert!(matches!(query(&fake, &NOW, Seal::Right), QueryState::Paid(paid) if paid.amount == yuan(990)));
        assert!(matches!(send(&view(591, "R0011223344556678")), RefundState::Refused(_)), "more than is left");
        assert_eq!(send(&view(590, "R0011223344556678")), RefundState::Done);
        assert_eq!(fake.returned(NUMBER), 990);
        assert_eq!(query(&fake, &NOW, Seal::Right), QueryState::Refunded);
        assert_eq!(close(&fake, &NOW, Seal::Right), CloseState::Closed);
    }
}

#[test]
fn an_application_that_is_not_let_in_hears_so() {
    let fake = Alipay::with_keys().unwrap();
    let mut unknown = fake.settings(BASE);
    unknown.set("app_id", "2021000122600002");
    assert!(matches!(drive(&fake, open(&unknown).probe(&NOW), &NOW, Seal::Right), Probe::Account(_)));
    // Certificates where the application has keys: the gateway cannot tell who signed.
    let certificates = open(&Alipay::with_certificates().unwrap().settings(BASE));
    assert_eq!(drive(&fake, certificates.probe(&NOW), &NOW, Seal::Right), Probe::ForeignKey);
    let keys = channel(&fake);
    let with_certificates = Alipay::with_certificates().unwrap();
    assert!(matches!(drive(&with_certificates, keys.probe(&NOW), &NOW, Seal::Right), Probe::Account(_)));
}
