//! A Stripe that does not exist, with our own codec as its customer: order, payment, notification, question, end and refund.

use domain::{Currency, Money, OutTradeNo};
use local::fakes::stripe::Stripe;
use local::fakes::{Fake, Seal, Twist};
use local::gateway::GatewayRequest;
use payments::{
    AttemptRef, AttemptView, Call, Channel, CloseState, CreateError, Device, HttpReply, HttpRequest, Notice, Outcome,
    Paid, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Started, Step, kind,
};

const BASE: &str = "http://127.0.0.1:3000";
const HOOK: &str = "http://127.0.0.1:3000/webhooks/stripe";
const NUMBER: &str = "0123456789ABCDEFGHJKMNPQAZ1";
const CALL: Call = Call { now: 1_795_305_600_000, nonce: [7; 16] };

fn later(ms: i64) -> Call {
    Call { now: CALL.now + ms, ..CALL }
}

fn usd(minor: i64) -> Money {
    Money { minor, currency: Currency::parse("USD").unwrap() }
}

/// Carries a codec's request to a fake and its answer back.
pub fn carry(fake: &dyn Fake, request: &HttpRequest, call: &Call, seal: Seal) -> HttpReply {
    let rest = request.url.strip_prefix(BASE).unwrap();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut headers = request.headers.clone();
    headers.push(("host".to_owned(), "127.0.0.1:3000".to_owned()));
    let asked = GatewayRequest {
        method: request.method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: request.body.clone(),
    };
    let answer = fake.handle(&asked, call, seal);
    HttpReply { status: answer.status, headers: answer.headers, body: answer.body }
}

/// Drives a step against a fake.
pub fn drive<T>(fake: &dyn Fake, mut step: Step<T>, call: &Call, seal: Seal) -> T {
    loop {
        match step {
            Step::Done(answer) => return answer,
            Step::Send(request, next) => step = next(Some(carry(fake, &request, call, seal))),
        }
    }
}

pub fn opened(fake: &dyn Fake) -> Channel {
    (kind(fake.kind()).unwrap().open)(&fake.settings(BASE)).unwrap()
}

/// What the codec makes of a fake's notification.
pub fn heard(fake: &dyn Fake, channel: &Channel, twist: Twist, call: &Call) -> Result<Notice, Reject> {
    let notice = fake.notice(NUMBER, twist, call).unwrap();
    let request = RawRequest { method: notice.method, query: "", headers: &notice.headers, body: &notice.body };
    channel.verify(&request, call.now)
}

struct Shop {
    fake: Stripe,
    channel: Channel,
    number: OutTradeNo,
}

fn shop() -> Shop {
    let fake = Stripe::new(HOOK);
    let channel = opened(&fake);
    Shop { fake, channel, number: OutTradeNo::parse(NUMBER).unwrap() }
}

impl Shop {
    fn create_as(&self, amount: Money, call: &Call, seal: Seal) -> Result<Started, CreateError> {
        let view = AttemptView {
            out_trade_no: &self.number,
            amount,
            product_name: "月卡",
            notify_url: HOOK,
            return_url: "http://127.0.0.1:3000/o/1",
            method: Some("card"),
            device: Device::Desktop,
            client_ip: None,
            payer: None,
            expires_at: CALL.now + 900_000,
        };
        drive(&self.fake, self.channel.create(&view, call), call, seal)
    }

    fn create(&self) -> Started {
        self.create_as(usd(990), &CALL, Seal::Right).unwrap()
    }

    fn asked<'a>(&'a self, session: Option<&'a str>) -> AttemptRef<'a> {
        AttemptRef { out_trade_no: &self.number, amount: usd(990), provider_ref: session, made_at: CALL.now }
    }

    fn query(&self, session: Option<&str>, call: &Call, seal: Seal) -> QueryState {
        drive(&self.fake, self.channel.query(&self.asked(session), call), call, seal)
    }

    fn close(&self, session: &str, seal: Seal) -> CloseState {
        drive(&self.fake, self.channel.close(&self.asked(Some(session)), &CALL).unwrap(), &CALL, seal)
    }

    fn refund(&self, minor: i64, refund_no: &str, seal: Seal) -> RefundState {
        let view = self.view(minor, refund_no);
        drive(&self.fake, self.channel.refund(&view, &CALL).unwrap(), &CALL, seal)
    }

    fn refund_query(&self, minor: i64, refund_no: &str, seal: Seal) -> RefundState {
        let view = self.view(minor, refund_no);
        drive(&self.fake, self.channel.refund_query(&view, &CALL).unwrap(), &CALL, seal)
    }

    fn view<'a>(&self, minor: i64, refund_no: &'a str) -> RefundView<'a> {
        RefundView { out_trade_no: NUMBER, provider_number: "pi_fake1", paid: usd(990), amount: usd(minor), refund_no }
    }
}

fn paid(minor: i64) -> Paid {
    Paid {
        out_trade_no: NUMBER.to_owned(),
        provider_number: "pi_fake1".to_owned(),
        amount: usd(minor),
        method: Some("card".to_owned()),
    }
}

#[test]
fn an_order_is_paid() {
    let shop = shop();
    let made = shop.create();
    let session = made.provider_ref.clone().unwrap();
    assert_eq!(shop.fake.attempts(), [NUMBER]);
    assert_eq!(shop.query(Some(&session), &CALL, Seal::Right), QueryState::Pending);
    assert_eq!(shop.query(None, &CALL, Seal::Right), QueryState::Pending);
    assert_eq!(shop.fake.notice(NUMBER, Twist::None, &CALL), None);
    assert_eq!(shop.fake.pay("X", None, &CALL), None);
    shop.fake.pay(NUMBER, None, &CALL).unwrap();
    for call in [CALL, later(60_000), later(3 * 86_400_000)] {
        assert_eq!(heard(&shop.fake, &shop.channel, Twist::None, &call), Ok(Notice::Paid(paid(990))));
    }
    assert_eq!(shop.fake.notice(NUMBER, Twist::None, &CALL).unwrap().url, HOOK);
    for asked in [Some(session.as_str()), None] {
        assert_eq!(shop.query(asked, &CALL, Seal::Right), QueryState::Paid(paid(990)));
    }
    let step = shop.channel.query_number("pi_fake1", &CALL).unwrap();
    assert_eq!(drive(&shop.fake, step, &CALL, Seal::Right), QueryState::Paid(paid(990)));
    let step = shop.channel.query_number("pi_fake9", &CALL).unwrap();
    assert_eq!(drive(&shop.fake, step, &CALL, Seal::Right), QueryState::NotFound);
    assert_eq!(shop.query(Some("cs_test_fake9"), &CALL, Seal::Right), QueryState::NotFound);
    let ack = shop.channel.ack(Outcome::Accepted);
    assert!(shop.fake.is_acknowledged(ack.status, ack.body.as_bytes()));
    for outcome in [Outcome::Rejected, Outcome::TryAgain] {
        let ack = shop.channel.ack(outcome);
        assert!(!shop.fake.is_acknowledged(ack.status, ack.body.as_bytes()));
    }
    let probe = drive(&shop.fake, shop.channel.probe(&CALL), &CALL, Seal::Right);
    assert_eq!(probe, Probe::Works { signed: false });
}

#[test]
fn a_create_that_is_repeated_makes_one_session() {
    let shop = shop();
    let first = shop.create();
    assert_eq!(shop.create_as(usd(990), &CALL, Seal::Right), Ok(first));
    // A minute later the end is another, which is another request under the same number.
    let again = shop.create_as(usd(990), &later(61_000), Seal::Right);
    assert_eq!(again, Err(CreateError::Unknown("the number was used before with other fields")));
    assert_eq!(shop.fake.attempts().len(), 1);
}

#[test]
fn a_create_that_is_refused() {
    assert_eq!(shop().create_as(usd(49), &CALL, Seal::Right), Err(CreateError::Amount));
    let shop = shop();
    let mut settings = shop.fake.settings(BASE);
    settings.set("secret_key", "sk_test_another");
    let channel = (kind("stripe").unwrap().open)(&settings).unwrap();
    let probe = drive(&shop.fake, channel.probe(&CALL), &CALL, Seal::Right);
    assert_eq!(probe, Probe::Account("Stripe does not know the secret key"));
    let found = shop.create_as(usd(990), &CALL, Seal::Wrong);
    assert!(matches!(found, Err(CreateError::Unknown(_))), "{found:?}");
}

#[test]
fn another_amount_is_told_as_it_is() {
    let shop = shop();
    let session = shop.create().provider_ref.unwrap();
    shop.fake.pay(NUMBER, Some(989), &CALL).unwrap();
    assert_eq!(heard(&shop.fake, &shop.channel, Twist::None, &CALL), Ok(Notice::Paid(paid(989))));
    assert_eq!(shop.query(Some(&session), &CALL, Seal::Right), QueryState::Paid(paid(989)));
}

#[test]
fn every_twist_is_noticed() {
    let shop = shop();
    shop.create();
    shop.fake.pay(NUMBER, None, &CALL).unwrap();
    let none = Err(Reject::Malformed("no signature header"));
    let euros = Money { minor: 990, currency: Currency::parse("EUR").unwrap() };
    for (twist, expected) in [
        (Twist::None, Ok(Notice::Paid(paid(990)))),
        (Twist::WrongKey, Err(Reject::BadSignature)),
        (Twist::Unsigned, none.clone()),
        (Twist::OtherMerchant, Err(Reject::OtherMerchant)),
        (Twist::Changed, Err(Reject::BadSignature)),
        (Twist::OwnRequest, none),
        (Twist::Old, Err(Reject::Malformed("signed more than five minutes from now"))),
        (Twist::OtherCurrency, Ok(Notice::Paid(Paid { amount: euros, ..paid(990) }))),
        (Twist::NotPaid, Ok(Notice::NotPaid)),
    ] {
        assert_eq!(heard(&shop.fake, &shop.channel, twist, &CALL), expected, "{twist:?}");
    }
}

#[test]
fn a_reply_about_other_numbers_says_nothing() {
    let shop = shop();
    let session = shop.create().provider_ref.unwrap();
    shop.fake.pay(NUMBER, None, &CALL).unwrap();
    let unknown = |state: QueryState| assert!(matches!(state, QueryState::Unknown(_)), "{state:?}");
    unknown(shop.query(Some(&session), &CALL, Seal::Wrong));
    let step = shop.channel.query_number("pi_fake1", &CALL).unwrap();
    unknown(drive(&shop.fake, step, &CALL, Seal::Wrong));
    assert!(matches!(shop.close(&session, Seal::Wrong), CloseState::Unknown(_)));
    // Stripe signs no replies, so none is missing.
    assert_eq!(shop.query(Some(&session), &CALL, Seal::Missing), QueryState::Paid(paid(990)));
    let state = shop.refund(990, "R0011223344556677", Seal::Wrong);
    assert!(matches!(state, RefundState::Unknown(_)), "{state:?}");
    // It went out all the same, and the same number sends nothing more.
    assert_eq!(shop.fake.returned(NUMBER), 990);
    assert_eq!(shop.refund(990, "R0011223344556677", Seal::Right), RefundState::Done);
    assert_eq!(shop.fake.returned(NUMBER), 990);
}

#[test]
fn a_session_ends() {
    let shop = shop();
    let session = shop.create().provider_ref.unwrap();
    assert_eq!(shop.close(&session, Seal::Right), CloseState::Closed);
    assert_eq!(shop.close(&session, Seal::Right), CloseState::Closed);
    assert_eq!(shop.fake.pay(NUMBER, None, &CALL), None);
    assert_eq!(shop.query(Some(&session), &CALL, Seal::Right), QueryState::Closed);
    let other = super::fakes_stripe::shop();
    let session = other.create().provider_ref.unwrap();
    other.fake.pay(NUMBER, None, &CALL).unwrap();
    assert_eq!(other.close(&session, Seal::Right), CloseState::Paid);
    // By itself, when its time has come.
    let third = super::fakes_stripe::shop();
    let session = third.create().provider_ref.unwrap();
    assert_eq!(third.query(Some(&session), &later(30 * 60_000), Seal::Right), QueryState::Pending);
    assert_eq!(third.query(Some(&session), &later(31 * 60_000), Seal::Right), QueryState::Closed);
    assert_eq!(third.fake.pay(NUMBER, None, &later(31 * 60_000)), None);
}

#[test]
fn money_goes_back_once() {
    let shop = shop();
    let session = shop.create().provider_ref.unwrap();
    shop.fake.pay(NUMBER, None, &CALL).unwrap();
    let unknown = shop.refund_query(400, "R1111111", Seal::Right);
    assert!(matches!(unknown, RefundState::Unknown(_)), "{unknown:?}");
    assert_eq!(shop.refund(400, "R1111111", Seal::Right), RefundState::Done);
    assert_eq!(shop.refund(400, "R1111111", Seal::Right), RefundState::Done);
    assert_eq!(shop.fake.returned(NUMBER), 400);
    assert_eq!(shop.refund_query(400, "R1111111", Seal::Right), RefundState::Done);
    assert_eq!(shop.query(Some(&session), &CALL, Seal::Right), QueryState::Paid(paid(990)));
    let more = shop.refund(600, "R2222222", Seal::Right);
    assert_eq!(more, RefundState::Refused("Stripe refused to send this money back."));
    assert_eq!(shop.refund(590, "R3333333", Seal::Right), RefundState::Done);
    assert_eq!(shop.fake.returned(NUMBER), 990);
    let all = shop.refund(1, "R4444444", Seal::Right);
    assert_eq!(all, RefundState::Refused("All of this payment has gone back already."));
    for asked in [Some(session.as_str()), None] {
        assert_eq!(shop.query(asked, &CALL, Seal::Right), QueryState::Refunded);
    }
}
