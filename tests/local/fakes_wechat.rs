//! The fake WeChat Pay, with our own codec as its customer: what one signs the other must believe, and nothing else.

use domain::{Currency, Money, OutTradeNo};
use local::fakes::wechat::Wechat;
use local::fakes::{Fake, FakeNotice, Seal, Twist};
use local::gateway::GatewayRequest;
use payments::wechat::{KIND, certificates};
use payments::{
    AttemptRef, AttemptView, Call, Channel, CloseState, CreateError, Created, Device, HttpReply, HttpRequest, Notice,
    Outcome, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Started, Step,
};

const BASE: &str = "http://127.0.0.1:3999";
const NOTIFY: &str = "http://127.0.0.1:3000/webhooks/wechat";
const NUMBER: &str = "0123456789ABCDEFGHJKMNPQAZ1";
const CALL: Call = Call { now: 1_795_305_600_000, nonce: [0x5a; 16] };

struct World {
    fake: Wechat,
    channel: Channel,
}

fn world() -> World {
    let fake = Wechat::new().unwrap();
    let channel = (KIND.open)(&fake.settings(BASE)).unwrap();
    World { fake, channel }
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

fn attempt(number: &OutTradeNo) -> AttemptView<'_> {
    AttemptView {
        out_trade_no: number,
        amount: yuan(990),
        product_name: "月卡 🎮 30 days",
        notify_url: NOTIFY,
        return_url: "http://127.0.0.1:3000/o/0123456789ABCDEFGHJKMNPQ",
        method: Some("wxpay"),
        device: Device::Desktop,
        client_ip: Some("203.0.113.7"),
        payer: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        expires_at: CALL.now + 900_000,
    }
}

fn as_gateway(request: &HttpRequest) -> GatewayRequest {
    let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let mut headers = request.headers.clone();
    headers.push(("host".to_owned(), "127.0.0.1:3999".to_owned()));
    GatewayRequest {
        method: request.method.to_owned(),
        path: path.strip_prefix(BASE).unwrap().to_owned(),
        query: query.to_owned(),
        headers,
        body: request.body.clone(),
    }
}

impl World {
    fn drive<T>(&self, mut step: Step<T>, at: i64, seal: Seal) -> T {
        loop {
            match step {
                Step::Done(answer) => return answer,
                Step::Send(request, next) => {
                    let call = Call { now: at, ..CALL };
                    let told = self.fake.handle(&as_gateway(&request), &call, seal);
                    step = next(Some(HttpReply { status: told.status, headers: told.headers, body: told.body }));
                }
            }
        }
    }

    fn now<T>(&self, step: Step<T>) -> T {
        self.drive(step, CALL.now, Seal::Right)
    }

    fn create(&self, attempt: &AttemptView<'_>) -> Result<Started, CreateError> {
        self.now(self.channel.create(attempt, &CALL))
    }

    fn query_at(&self, now: i64, seal: Seal) -> QueryState {
        let step = self.channel.query(&AttemptRef::by_number(&number(), yuan(990)), &Call { now, ..CALL });
        self.drive(step, now, seal)
    }

    fn query(&self) -> QueryState {
        self.query_at(CALL.now, Seal::Right)
    }

    fn close(&self, seal: Seal) -> CloseState {
        let step = self.channel.close(&AttemptRef::by_number(&number(), yuan(990)), &CALL).unwrap();
        self.drive(step, CALL.now, seal)
    }

    fn refund(&self, transaction: &str, refund_no: &str, minor: i64, seal: Seal) -> RefundState {
        let view = back(transaction, refund_no, minor);
        self.drive(self.channel.refund(&view, &CALL).unwrap(), CALL.now, seal)
    }

    fn refund_query(&self, transaction: &str, refund_no: &str, minor: i64) -> RefundState {
        self.now(self.channel.refund_query(&back(transaction, refund_no, minor), &CALL).unwrap())
    }

    /// Makes and pays the usual attempt, and gives WeChat Pay's number of the payment.
    fn paid(&self) -> String {
        self.create(&attempt(&number())).unwrap();
        self.fake.pay(NUMBER, None, &CALL).unwrap();
        let QueryState::Paid(paid) = self.query() else { panic!("not paid") };
        paid.provider_number
    }

    fn hear(&self, notice: &FakeNotice) -> Result<Notice, Reject> {
        assert_eq!((notice.method, notice.url.as_str()), ("POST", NOTIFY));
        let request = RawRequest { method: notice.method, query: "", headers: &notice.headers, body: &notice.body };
        self.channel.verify(&request, CALL.now)
    }
}

fn back<'a>(transaction: &'a str, refund_no: &'a str, minor: i64) -> RefundView<'a> {
    RefundView { out_trade_no: NUMBER, provider_number: transaction, paid: yuan(990), amount: yuan(minor), refund_no }
}

#[test]
fn from_an_order_to_its_money() {
    let world = world();
    assert_eq!((world.fake.kind(), world.fake.attempts()), ("wechat", Vec::new()));
    assert_eq!(world.query(), QueryState::NotFound);
    let first = world.create(&attempt(&number())).unwrap();
    assert!(matches!(&first.shown, Created::Qr(code) if code.starts_with("weixin://")), "{first:?}");
    assert_eq!(world.create(&attempt(&number())), Ok(first), "asked for again, it is the same code");
    assert_eq!(world.fake.attempts(), [NUMBER]);
    assert_eq!(world.query(), QueryState::Pending);
    assert_eq!(world.fake.notice(NUMBER, Twist::None, &CALL), None);
    world.fake.pay(NUMBER, None, &CALL).unwrap();
    let notice = world.fake.notice(NUMBER, Twist::None, &CALL).unwrap();
    let Ok(Notice::Paid(paid)) = world.hear(&notice) else { panic!("{:?}", world.hear(&notice)) };
    assert_eq!((paid.out_trade_no.as_str(), paid.amount, paid.method.as_deref()), (NUMBER, yuan(990), Some("NATIVE")));
    assert_eq!(world.query(), QueryState::Paid(paid.clone()));
    assert_eq!(
        world.now(world.channel.query_number(&paid.provider_number, &CALL).unwrap()),
        QueryState::Paid(paid.clone())
    );
    assert_eq!(world.now(world.channel.query_number("4200", &CALL).unwrap()), QueryState::NotFound);
    let ack = |outcome| {
        let ack = world.channel.ack(outcome);
        world.fake.is_acknowledged(ack.status, ack.body.as_bytes())
    };
    assert_eq!([Outcome::Accepted, Outcome::Rejected, Outcome::TryAgain].map(ack), [true, false, false]);
    // Paid once more it is the same payment.
    world.fake.pay(NUMBER, Some(1), &CALL).unwrap();
    assert_eq!(world.query(), QueryState::Paid(paid));
    assert_eq!(world.fake.pay("0123456789ABCDEFGHJKMNPQAZ2", None, &CALL), None);
}

#[test]
fn each_product_is_made() {
    let number = number();
    let phone = AttemptView { device: Device::Phone, ..attempt(&number) };
    let Ok(Started { shown: Created::Redirect(url), .. }) = world().create(&phone) else { panic!("no page") };
    assert!(url.starts_with(&format!("{BASE}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=")), "{url}");
    assert!(url.ends_with("&redirect_url=http%3A%2F%2F127.0.0.1%3A3000%2Fo%2F0123456789ABCDEFGHJKMNPQ"), "{url}");
    let opened = HttpRequest { method: "GET", url, headers: Vec::new(), body: Vec::new() };
    assert_eq!(world().fake.handle(&as_gateway(&opened), &CALL, Seal::Right).status, 200);
    let inside = AttemptView { device: Device::InWechat, ..attempt(&number) };
    let Ok(Started { shown: Created::Jsapi(handed), .. }) = world().create(&inside) else { panic!("no bridge") };
    let handed: serde_json::Value = serde_json::from_str(&handed).unwrap();
    assert_eq!((&handed["signType"], &handed["package"]), (&"RSA".into(), &format!("prepay_id=wx{NUMBER}").into()));
    for (attempt, method) in [(phone, "MWEB"), (inside, "JSAPI")] {
        let world = world();
        world.create(&attempt).unwrap();
        world.fake.pay(NUMBER, None, &CALL).unwrap();
        let QueryState::Paid(paid) = world.query() else { panic!("not paid") };
        assert_eq!(paid.method.as_deref(), Some(method));
    }
}

#[test]
fn what_was_paid_is_told_whatever_was_due() {
    let world = world();
    world.create(&attempt(&number())).unwrap();
    world.fake.pay(NUMBER, Some(989), &CALL).unwrap();
    let QueryState::Paid(asked) = world.query() else { panic!("not paid") };
    assert_eq!(asked.amount, yuan(989));
    assert_eq!(world.hear(&world.fake.notice(NUMBER, Twist::None, &CALL).unwrap()), Ok(Notice::Paid(asked)));
}

#[test]
fn every_twist_is_met() {
    let world = world();
    let transaction = world.paid();
    let usd = Currency::parse("USD").unwrap();
    let told = |twist| world.hear(&world.fake.notice(NUMBER, twist, &CALL).unwrap());
    assert!(matches!(told(Twist::None), Ok(Notice::Paid(paid)) if paid.provider_number == transaction));
    for twist in [Twist::WrongKey, Twist::Unsigned, Twist::Changed, Twist::OwnRequest] {
        assert_eq!(told(twist), Err(Reject::BadSignature), "{twist:?}");
    }
    assert_eq!(told(Twist::OtherMerchant), Err(Reject::OtherMerchant));
    assert_eq!(told(Twist::Old), Ok(Notice::Ask(NUMBER.to_owned())));
    assert_eq!(told(Twist::NotPaid), Ok(Notice::NotPaid));
    // The order sees that this is not its money; that money arrived is true.
    let foreign = told(Twist::OtherCurrency);
    assert!(
        matches!(&foreign, Ok(Notice::Paid(paid)) if paid.amount == Money { minor: 990, currency: usd }),
        "{foreign:?}"
    );
}

#[test]
fn no_seal_but_the_right_one_is_believed() {
    let foreign = "the reply's signature does not fit";
    let missing = "the reply is not signed";
    for (seal, why) in [(Seal::Wrong, foreign), (Seal::Missing, missing)] {
        let world = world();
        let step = world.channel.create(&attempt(&number()), &CALL);
        assert_eq!(world.drive(step, CALL.now, seal), Err(CreateError::Unknown(why)));
        // It was made all the same, which is why nobody calls it failed.
        assert_eq!(world.query(), QueryState::Pending);
        assert_eq!(world.query_at(CALL.now, seal), QueryState::Unknown(why));
        let transaction = world.paid();
        assert_eq!(world.query_at(CALL.now, seal), QueryState::Unknown(why));
        assert_eq!(world.close(seal), CloseState::Unknown(why));
        assert_eq!(world.refund(&transaction, "R0011223344556677", 990, seal), RefundState::Unknown(why));
        assert_eq!(world.fake.returned(NUMBER), 990);
        assert_eq!(world.refund(&transaction, "R0011223344556677", 990, Seal::Right), RefundState::Done);
        assert_eq!(world.fake.returned(NUMBER), 990, "the same refund sends nothing more");
        let probe = world.drive(world.channel.probe(&CALL), CALL.now, seal);
        assert_eq!(probe, if seal == Seal::Wrong { Probe::ForeignKey } else { Probe::Unknown(why) });
    }
}

#[test]
fn a_closed_trade_takes_no_money() {
    let world = world();
    assert!(matches!(world.close(Seal::Right), CloseState::Unknown(_)), "nobody knows of it yet");
    world.create(&attempt(&number())).unwrap();
    assert_eq!(world.close(Seal::Right), CloseState::Closed);
    assert_eq!(world.close(Seal::Right), CloseState::Closed);
    assert_eq!(world.fake.pay(NUMBER, None, &CALL), None);
    assert_eq!(world.query(), QueryState::Closed);
    assert!(matches!(world.create(&attempt(&number())), Err(CreateError::Unknown(_))));
    let paid = self::world();
    paid.paid();
    assert_eq!(paid.close(Seal::Right), CloseState::Paid);
}

#[test]
fn a_trade_ends_by_itself() {
    let world = world();
    world.create(&attempt(&number())).unwrap();
    let end = CALL.now + 900_000;
    assert_eq!(world.query_at(end - 1, Seal::Right), QueryState::Pending);
    assert_eq!(world.query_at(end, Seal::Right), QueryState::Closed);
    assert_eq!(world.fake.pay(NUMBER, None, &Call { now: end, ..CALL }), None);
    // One that is made in the last second may still be paid for five minutes.
    let late = self::world();
    late.create(&AttemptView { expires_at: CALL.now, ..attempt(&number()) }).unwrap();
    assert_eq!(late.fake.pay(NUMBER, None, &Call { now: CALL.now + 300_000, ..CALL }), Some(()));
    assert!(301_000 < KIND.payable_after_ms);
}

#[test]
fn money_goes_back_once_for_each_number() {
    let world = world();
    let transaction = world.paid();
    assert!(matches!(world.refund_query(&transaction, "R0000001", 300), RefundState::Unknown(_)));
    assert_eq!(world.refund(&transaction, "R0000001", 300, Seal::Right), RefundState::UnderWay);
    assert_eq!(world.refund_query(&transaction, "R0000001", 300), RefundState::Done);
    assert_eq!(world.refund(&transaction, "R0000001", 300, Seal::Right), RefundState::Done);
    assert_eq!(world.fake.returned(NUMBER), 300);
    assert_eq!(world.query(), QueryState::Refunded);
    // The rest under another number, and not a cent more.
    let refused = |state| assert!(matches!(state, RefundState::Refused(_)), "{state:?}");
    refused(world.refund(&transaction, "R0000002", 691, Seal::Right));
    refused(world.refund(&transaction, "R0000001", 301, Seal::Right));
    assert_eq!(world.refund(&transaction, "R0000002", 690, Seal::Right), RefundState::UnderWay);
    assert_eq!(world.fake.returned(NUMBER), 990);
    refused(world.refund("4200", "R0000003", 1, Seal::Right));
    assert_eq!(world.fake.returned("0123456789ABCDEFGHJKMNPQAZ2"), 0);
}

#[test]
fn an_account_is_tried_and_a_wrong_one_is_told() {
    let world = world();
    assert_eq!(world.now(world.channel.probe(&CALL)), Probe::Works { signed: true });
    for (field, value) in [("serial_no", "0123456789ABCDEF"), ("mchid", "1900007299")] {
        let mut settings = world.fake.settings(BASE);
        settings.set("certificate", "");
        settings.set("serial_no", "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB");
        settings.set(field, value);
        let channel = (KIND.open)(&settings).unwrap();
        assert!(matches!(world.now(channel.probe(&CALL)), Probe::Account(_)), "{field}");
        assert!(
            matches!(world.now(channel.create(&attempt(&number()), &CALL)), Err(CreateError::Account(_))),
            "{field}"
        );
        assert!(matches!(world.now(channel.query_number("4200", &CALL).unwrap()), QueryState::Unknown(_)), "{field}");
    }
    assert_eq!(world.fake.attempts(), Vec::<String>::new());
    // Another application of the same merchant is let in, and told that the two do not belong together.
    let mut settings = world.fake.settings(BASE);
    settings.set("appid", "wx0000000000000000");
    let other = (KIND.open)(&settings).unwrap();
    let told = world.now(other.create(&attempt(&number()), &CALL));
    assert_eq!(told, Err(CreateError::Account("The AppID is not bound to the merchant number.")));
    // A clock that is wrong by more than five minutes is not recognised either.
    let late = world.drive(world.channel.probe(&CALL), CALL.now + 301_000, Seal::Right);
    assert!(matches!(late, Probe::Account(_)));
}

#[test]
fn an_account_without_a_public_key_fetches_certificates() {
    let world = world();
    let mut settings = world.fake.settings(BASE);
    for name in ["platform_key_id", "platform_key", "platform_certificates"] {
        settings.set(name, "");
    }
    assert!((KIND.open)(&settings).is_err());
    let found = world.now(certificates(&settings, &CALL).unwrap()).unwrap();
    assert_eq!(found.len(), 1);
    settings.set("platform_certificates", &found[0].pem);
    let channel = (KIND.open)(&settings).unwrap();
    assert_eq!(world.now(channel.probe(&CALL)), Probe::Works { signed: true });
    for seal in [Seal::Wrong, Seal::Missing] {
        assert!(world.drive(certificates(&settings, &CALL).unwrap(), CALL.now, seal).is_err());
    }
}
