//! The fake gateways of 易支付 with our own codecs as their customers: from the order to its refund, and everything that may go wrong.

use domain::{Currency, Money, OutTradeNo};
use local::fakes::{Fake, FakeNotice, Seal, Twist, epay_v1::EpayV1, epay_v2::EpayV2};
use local::gateway::GatewayRequest;
use payments::{
    AttemptRef, AttemptView, Call, Channel, CloseState, CreateError, Created, Device, HttpReply, HttpRequest, Notice,
    Paid, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Step, form, kind,
};

const BASE: &str = "http://127.0.0.1:3999";
const NUMBER: &str = "0123456789ABCDEFGHJKMNPQAZ1";
const NOTIFY: &str = "http://127.0.0.1:3000/webhooks/epay";
const CALL: Call = Call { now: 1_795_305_600_000, nonce: [7; 16] };

fn fakes() -> [Box<dyn Fake>; 2] {
    [Box::new(EpayV1::default()), Box::new(EpayV2::new().unwrap())]
}

fn channel_with(fake: &dyn Fake, changes: &[(&str, &str)]) -> Channel {
    let mut settings = fake.settings(BASE);
    for (name, value) in changes {
        settings.set(name, value);
    }
    (kind(fake.kind()).unwrap().open)(&settings).unwrap()
}

fn number() -> OutTradeNo {
    OutTradeNo::parse(NUMBER).unwrap()
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

fn attempt(number: &OutTradeNo, device: Device) -> AttemptView<'_> {
    AttemptView {
        out_trade_no: number,
        amount: yuan(990),
        product_name: "月卡 30 days",
        notify_url: NOTIFY,
        return_url: "http://127.0.0.1:3000/o/0123456789ABCDEFGHJKMNPQ",
        method: Some("alipay"),
        device,
        client_ip: Some("203.0.113.7"),
        payer: None,
        expires_at: CALL.now + 900_000,
    }
}

fn asked(number: &OutTradeNo) -> AttemptRef<'_> {
    AttemptRef::by_number(number, yuan(990))
}

fn back<'a>(trade: &'a str, minor: i64, refund_no: &'a str) -> RefundView<'a> {
    RefundView { out_trade_no: NUMBER, provider_number: trade, paid: yuan(990), amount: yuan(minor), refund_no }
}

/// A request as it arrives there.
fn arrives(request: &HttpRequest) -> GatewayRequest {
    let rest = request.url.strip_prefix(BASE).unwrap();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut headers = request.headers.clone();
    headers.push(("host".to_owned(), BASE.strip_prefix("http://").unwrap().to_owned()));
    GatewayRequest {
        method: request.method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: request.body.clone(),
    }
}

/// Drives a step against the gateway, which seals its answers so.
fn at<T>(fake: &dyn Fake, seal: Seal, mut step: Step<T>) -> T {
    loop {
        match step {
            Step::Done(answer) => return answer,
            Step::Send(request, next) => {
                let answer = fake.handle(&arrives(&request), &CALL, seal);
                step = next(Some(HttpReply { status: answer.status, headers: answer.headers, body: answer.body }));
            }
        }
    }
}

fn query(fake: &dyn Fake, channel: &Channel) -> QueryState {
    at(fake, Seal::Right, channel.query(&asked(&number()), &CALL))
}

/// Sends the buyer's browser to the gateway's page, as the codec says, and gives the page.
fn open_page(fake: &dyn Fake, shown: &Created) -> String {
    let request = match shown {
        Created::Redirect(url) => {
            HttpRequest { method: "GET", url: url.clone(), headers: Vec::new(), body: Vec::new() }
        }
        Created::Form { action, fields } => {
            let pairs = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let body = form::write(pairs).into_bytes();
            HttpRequest { method: "POST", url: action.clone(), headers: Vec::new(), body }
        }
        other => panic!("no page: {other:?}"),
    };
    let answer = fake.handle(&arrives(&request), &CALL, Seal::Right);
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body).unwrap()
}

/// Makes an attempt by the gateway's page.
fn begin(fake: &dyn Fake, channel: &Channel) {
    let number = number();
    let started = at(fake, Seal::Right, channel.create(&attempt(&number, Device::Desktop), &CALL)).unwrap();
    assert!(open_page(fake, &started.shown).contains("请付款 9.90 元"));
}

fn hears(channel: &Channel, notice: &FakeNotice) -> Result<Notice, Reject> {
    let query = notice.url.strip_prefix(NOTIFY).and_then(|rest| rest.strip_prefix('?')).unwrap();
    let request = RawRequest { method: notice.method, query, headers: &notice.headers, body: &notice.body };
    channel.verify(&request, CALL.now)
}

fn paid(fake: &dyn Fake, channel: &Channel) -> Paid {
    let notice = fake.notice(NUMBER, Twist::None, &CALL).unwrap();
    let Ok(Notice::Paid(paid)) = hears(channel, &notice) else { panic!("not paid") };
    paid
}

#[test]
fn from_the_page_to_the_money() {
    for fake in fakes() {
        let fake = &*fake;
        let channel = channel_with(fake, &[]);
        assert_eq!(channel.kind().name, fake.kind());
        assert_eq!(query(fake, &channel), QueryState::NotFound, "nobody has opened the page");
        begin(fake, &channel);
        assert_eq!(fake.attempts(), [NUMBER]);
        assert_eq!(query(fake, &channel), QueryState::Pending);
        assert!(fake.notice(NUMBER, Twist::None, &CALL).is_none());
        assert!(fake.pay("ANOTHER", None, &CALL).is_none());
        fake.pay(NUMBER, None, &CALL).unwrap();
        let first = paid(fake, &channel);
        assert_eq!((first.out_trade_no.as_str(), first.amount), (NUMBER, yuan(990)));
        assert_eq!(query(fake, &channel), QueryState::Paid(first.clone()));
        let asked = channel.query_number(&first.provider_number, &CALL).unwrap();
        assert_eq!(at(fake, Seal::Right, asked), QueryState::Paid(first.clone()));
        // Paid again, it is another payment with a number of its own; the attempt's number means the first.
        fake.pay(NUMBER, Some(985), &CALL).unwrap();
        let second = paid(fake, &channel);
        assert_ne!(second.provider_number, first.provider_number);
        assert_eq!(second.amount, yuan(985));
        assert_eq!(query(fake, &channel), QueryState::Paid(first));
        let asked = channel.query_number(&second.provider_number, &CALL).unwrap();
        assert_eq!(at(fake, Seal::Right, asked), QueryState::Paid(second));
        assert_eq!(at(fake, Seal::Right, channel.query_number("1", &CALL).unwrap()), QueryState::NotFound);
        // The page of what is paid takes nothing more.
        let number = number();
        let shown = at(fake, Seal::Right, channel.create(&attempt(&number, Device::Desktop), &CALL)).unwrap().shown;
        assert!(open_page(fake, &shown).contains("已完成支付"));
        for (status, body, ends) in [(200, &b"success"[..], true), (503, b"fail", false), (200, b"SUCCESS", true)] {
            assert_eq!(fake.is_acknowledged(status, body), ends);
        }
        let ack = channel.ack(payments::Outcome::Accepted);
        assert!(fake.is_acknowledged(ack.status, ack.body.as_bytes()));
        let ack = channel.ack(payments::Outcome::TryAgain);
        assert!(!fake.is_acknowledged(ack.status, ack.body.as_bytes()));
    }
}

#[test]
fn made_by_the_api() {
    for fake in fakes() {
        let fake = &*fake;
        let channel = channel_with(fake, &[("create", "api")]);
        let number = number();
        let made = |device, seal| at(fake, seal, channel.create(&attempt(&number, device), &CALL));
        let started = made(Device::Desktop, Seal::Right).unwrap();
        assert!(matches!(&started.shown, Created::Qr(text) if text.starts_with("https://qr.example.com/")));
        let phone = made(Device::Phone, Seal::Right).unwrap();
        assert!(matches!(&phone.shown, Created::Redirect(url) if url.starts_with(BASE)), "{phone:?}");
        let inside = made(Device::InWechat, Seal::Right).unwrap();
        assert!(matches!(&inside.shown, Created::Qr(text) if text.starts_with("weixin://dl/business/")));
        assert_eq!(phone.provider_ref, started.provider_ref, "the same trade, asked for again");
        assert_eq!(fake.attempts(), [NUMBER]);
        assert!(matches!(made(Device::Desktop, Seal::Wrong), Err(CreateError::Unknown(_))));
        // Without a way to pay it is the gateway's page.
        let open = AttemptView { method: None, ..attempt(&number, Device::Desktop) };
        assert!(matches!(
            at(fake, Seal::Right, channel.create(&open, &CALL)).unwrap().shown,
            Created::Redirect(_) | Created::Form { .. }
        ));
        fake.pay(NUMBER, None, &CALL).unwrap();
        assert_eq!(Some(paid(fake, &channel).provider_number), started.provider_ref);
        // Paid, it is not made again; and that is no word about what was made before.
        assert!(matches!(made(Device::Desktop, Seal::Right), Err(CreateError::Unknown(_))));
    }
}

#[test]
fn every_twist_of_a_notification() {
    for fake in fakes() {
        let fake = &*fake;
        let channel = channel_with(fake, &[]);
        begin(fake, &channel);
        let is_v2 = fake.kind() == "epay_v2";
        let own_request = fake.notice(NUMBER, Twist::OwnRequest, &CALL).unwrap();
        fake.pay(NUMBER, None, &CALL).unwrap();
        let heard = |twist| fake.notice(NUMBER, twist, &CALL).map(|notice| hears(&channel, &notice));
        assert!(matches!(heard(Twist::None), Some(Ok(Notice::Paid(_)))));
        assert_eq!(heard(Twist::WrongKey), Some(Err(Reject::BadSignature)));
        assert_eq!(heard(Twist::Unsigned), Some(Err(Reject::BadSignature)));
        assert_eq!(heard(Twist::Changed), Some(Err(Reject::BadSignature)));
        assert_eq!(heard(Twist::OtherMerchant), Some(Err(Reject::OtherMerchant)));
        assert_eq!(heard(Twist::NotPaid), Some(Ok(Notice::NotPaid)));
        assert_eq!(heard(Twist::OtherCurrency), None, "no currency is named");
        let old = is_v2.then(|| Ok(Notice::Ask(NUMBER.to_owned())));
        assert_eq!(heard(Twist::Old), old);
        // v1 signs with one key in both directions, so there it is a field that keeps our own form out.
        let own = if is_v2 { Reject::BadSignature } else { Reject::NotANotice };
        assert_eq!(hears(&channel, &own_request), Err(own));
        assert_eq!(heard(Twist::OwnRequest), Some(Err(own)));
        assert!(fake.notice("ANOTHER", Twist::None, &CALL).is_none());
    }
}

#[test]
fn an_answer_that_is_not_sealed_is_none() {
    for fake in fakes() {
        let fake = &*fake;
        let channel = channel_with(fake, &[]);
        begin(fake, &channel);
        for is_paid in [false, true] {
            if is_paid {
                fake.pay(NUMBER, None, &CALL).unwrap();
            }
            for seal in [Seal::Wrong, Seal::Missing] {
                let state = at(fake, seal, channel.query(&asked(&number()), &CALL));
                assert!(matches!(state, QueryState::Unknown(_)), "{} {seal:?}: {state:?}", fake.kind());
            }
        }
        let trade = paid(fake, &channel).provider_number;
        let by_number = |seal| at(fake, seal, channel.query_number(&trade, &CALL).unwrap());
        assert!(matches!(by_number(Seal::Wrong), QueryState::Unknown(_)));
        assert!(matches!(by_number(Seal::Missing), QueryState::Unknown(_)));
        let is_v2 = fake.kind() == "epay_v2";
        let probe = |seal| at(fake, seal, channel.probe(&CALL));
        assert_eq!(probe(Seal::Right), Probe::Works { signed: is_v2 });
        assert!(matches!(probe(Seal::Missing), Probe::Unknown(_)));
        match is_v2 {
            true => assert_eq!(probe(Seal::Wrong), Probe::ForeignKey),
            false => assert!(matches!(probe(Seal::Wrong), Probe::Unknown(_))),
        }
        // The money goes back in any case: what is unknown is only the answer.
        let refund = |minor, seal, number| at(fake, seal, channel.refund(&back(&trade, minor, number), &CALL).unwrap());
        assert!(matches!(refund(100, Seal::Wrong, "R0000000001"), RefundState::Unknown(_)));
        assert_eq!(fake.returned(NUMBER), 100);
        if is_v2 {
            // Under its number it is sent once, so it may be asked for again until there is an answer.
            assert!(matches!(refund(100, Seal::Missing, "R0000000001"), RefundState::Unknown(_)));
            assert_eq!(refund(100, Seal::Right, "R0000000001"), RefundState::Done);
            assert_eq!(fake.returned(NUMBER), 100);
        }
    }
}

#[test]
fn money_goes_back() {
    for fake in fakes() {
        let fake = &*fake;
        let channel = channel_with(fake, &[]);
        let is_v2 = fake.kind() == "epay_v2";
        begin(fake, &channel);
        let refund = |trade: &str, minor, number: &str| {
            at(fake, Seal::Right, channel.refund(&back(trade, minor, number), &CALL).unwrap())
        };
        let unknown = refund("1", 990, "R0000000001");
        assert_eq!(unknown, RefundState::Refused("当前订单不存在"));
        fake.pay(NUMBER, None, &CALL).unwrap();
        let first = paid(fake, &channel);
        let trade = first.provider_number.as_str();
        assert_eq!(refund(trade, 991, "R0000000002"), RefundState::Refused("退款金额不能大于订单金额"));
        assert_eq!((fake.returned(NUMBER), refund(trade, 90, "R0000000003")), (0, RefundState::Done));
        assert_eq!(fake.returned(NUMBER), 90);
        if is_v2 {
            // A part of it: the rest is still here, and the gateway says so.
            assert_eq!(query(fake, &channel), QueryState::Paid(first.clone()));
            assert_eq!(refund(trade, 90, "R0000000003"), RefundState::Done);
            assert_eq!(fake.returned(NUMBER), 90, "the same number again sends nothing");
            let found = |minor, number: &str| {
                at(fake, Seal::Right, channel.refund_query(&back(trade, minor, number), &CALL).unwrap())
            };
            assert_eq!(found(90, "R0000000003"), RefundState::Done);
            assert!(matches!(found(91, "R0000000003"), RefundState::Unknown(_)), "another amount");
            assert!(matches!(found(90, "R0000000004"), RefundState::Unknown(_)), "never asked for");
        } else {
            assert!(channel.refund_query(&back(trade, 90, "R0000000003"), &CALL).is_none());
        }
        let left = RefundState::Refused("退款金额不能超过该订单剩余可退款金额");
        assert_eq!(refund(trade, 901, "R0000000005"), left);
        assert_eq!(refund(trade, 900, "R0000000006"), RefundState::Done);
        assert_eq!(fake.returned(NUMBER), 990);
        assert_eq!(query(fake, &channel), QueryState::Refunded);
        // That all of it went back before is no refusal.
        assert!(matches!(refund(trade, 1, "R0000000007"), RefundState::Unknown(_)));
        assert_eq!(fake.returned(NUMBER), 990);
    }
}

#[test]
fn what_is_closed_is_paid_by_nobody() {
    let fake = EpayV2::new().unwrap();
    let channel = channel_with(&fake, &[]);
    let close = |seal| at(&fake, seal, channel.close(&asked(&number()), &CALL).unwrap());
    assert!(matches!(close(Seal::Right), CloseState::Unknown(_)), "nobody has opened the page");
    begin(&fake, &channel);
    assert!(matches!(close(Seal::Missing), CloseState::Unknown(_)));
    assert_eq!(close(Seal::Right), CloseState::Closed);
    assert_eq!(close(Seal::Right), CloseState::Closed, "and closed it stays");
    assert!(matches!(close(Seal::Wrong), CloseState::Unknown(_)));
    assert!(fake.pay(NUMBER, None, &CALL).is_none());
    assert!(channel_with(&fake, &[("closes", "false")]).close(&asked(&number()), &CALL).is_none());
    assert!(channel_with(&EpayV1::default(), &[]).close(&asked(&number()), &CALL).is_none());
    let paid = EpayV2::new().unwrap();
    begin(&paid, &channel);
    paid.pay(NUMBER, None, &CALL).unwrap();
    let state = at(&paid, Seal::Right, channel.close(&asked(&number()), &CALL).unwrap());
    assert!(matches!(state, CloseState::Unknown(_)), "paid: it is asked about instead");
}

/// What a seller finds out before anything is sold.
#[test]
fn wrong_settings_are_named_by_the_gateway() {
    let probe = |fake: &dyn Fake, changes: &[(&str, &str)]| {
        let channel = channel_with(fake, changes);
        at(fake, Seal::Right, channel.probe(&CALL))
    };
    let (v1, v2) = (EpayV1::default(), EpayV2::new().unwrap());
    assert_eq!(probe(&v1, &[("key", "another")]), Probe::Account("商户密钥错误"));
    assert_eq!(probe(&v1, &[("pid", "1001")]), Probe::Account("商户ID不存在"));
    assert_eq!(probe(&v2, &[("pid", "1001")]), Probe::Account("商户不存在"));
    let other: serde_json::Value =
        serde_json::from_str(include_str!("../../infra/local/assets/epay_v2_keys.json")).unwrap();
    let key = |which: &str| other["other"][which].as_str().unwrap();
    assert_eq!(probe(&v2, &[("private_key", key("private"))]), Probe::Account("RSA签名校验失败"));
    assert_eq!(probe(&v2, &[("platform_key", key("public"))]), Probe::ForeignKey);
    let late = channel_with(&v2, &[]).probe(&Call { now: CALL.now + 301_000, ..CALL });
    assert_eq!(at(&v2, Seal::Right, late), Probe::Account("时间戳字段不正确，请检查服务器时间"));
    // And before an attempt is made, with the same words.
    let number = number();
    let channel = channel_with(&v2, &[("private_key", key("private")), ("create", "api")]);
    let made = at(&v2, Seal::Right, channel.create(&attempt(&number, Device::Desktop), &CALL));
    assert_eq!(made, Err(CreateError::Account("RSA签名校验失败")));
    let channel = channel_with(&v1, &[("key", "another"), ("create", "api")]);
    let made = at(&v1, Seal::Right, channel.create(&attempt(&number, Device::Desktop), &CALL));
    assert_eq!(made, Err(CreateError::Account("MD5签名校验失败")));
    assert!(v1.attempts().is_empty() && v2.attempts().is_empty());
}
