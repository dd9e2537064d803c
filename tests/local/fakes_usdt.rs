//! Gateways for USDT that do not exist, with our own codecs as their customers: order, payment, notification, question and end.

use crate::fakes_stripe::{drive, heard, opened};
use domain::{Currency, Money, OutTradeNo};
use local::fakes::usdt::{Flavour, Usdt};
use local::fakes::{Fake, Seal, Twist};
use payments::{
    AttemptRef, AttemptView, Call, Channel, CloseState, CreateError, Created, Device, Notice, Outcome, Paid, Probe,
    QueryState, Reject, Started, kind,
};

const BASE: &str = "http://127.0.0.1:3000";
const HOOK: &str = "http://127.0.0.1:3000/webhooks/usdt";
const NUMBER: &str = "0123456789ABCDEFGHJKMNPQAZ1";
const CALL: Call = Call { now: 1_795_305_600_000, nonce: [7; 16] };
const ALL: [Flavour; 5] = [Flavour::Legacy, Flavour::Gmpay1, Flavour::Gmpay2, Flavour::Bepusdt, Flavour::Tokenpay];

fn later(ms: i64) -> Call {
    Call { now: CALL.now + ms, ..CALL }
}

fn yuan(minor: i64) -> Money {
    Money { minor, currency: Currency::CNY }
}

struct Shop {
    fake: Usdt,
    channel: Channel,
    number: OutTradeNo,
    flavour: Flavour,
}

fn shop(flavour: Flavour) -> Shop {
    let fake = Usdt::new(flavour);
    let channel = opened(&fake);
    Shop { fake, channel, number: OutTradeNo::parse(NUMBER).unwrap(), flavour }
}

impl Shop {
    fn create_as(&self, minor: i64, seal: Seal) -> Result<Started, CreateError> {
        let view = AttemptView {
            out_trade_no: &self.number,
            amount: yuan(minor),
            product_name: "月卡",
            notify_url: HOOK,
            return_url: "http://127.0.0.1:3000/o/1",
            method: None,
            device: Device::Phone,
            client_ip: None,
            payer: None,
            expires_at: CALL.now + 600_000,
        };
        drive(&self.fake, self.channel.create(&view, &CALL), &CALL, seal)
    }

    fn asked<'a>(&'a self, minor: i64, trade: &'a str) -> AttemptRef<'a> {
        AttemptRef { out_trade_no: &self.number, amount: yuan(minor), provider_ref: Some(trade), made_at: CALL.now }
    }

    fn query(&self, minor: i64, trade: &str, call: &Call, seal: Seal) -> QueryState {
        drive(&self.fake, self.channel.query(&self.asked(minor, trade), call), call, seal)
    }

    fn paid(&self, minor: i64, asked: bool) -> Paid {
        Paid {
            out_trade_no: NUMBER.to_owned(),
            provider_number: "fake-trade-1".to_owned(),
            amount: yuan(minor),
            method: match self.flavour {
                Flavour::Tokenpay => Some("USDT_TRC20".to_owned()),
                Flavour::Bepusdt if asked => Some("usdt.trc20".to_owned()),
                _ => None,
            },
        }
    }
}

#[test]
fn an_order_is_paid() {
    for flavour in ALL {
        // A million is where one of them begins to print exponents.
        for minor in [2, 990, 1_000, 10_050, 100_000_000, 123_456_789] {
            let shop = shop(flavour);
            let made = shop.create_as(minor, Seal::Right).unwrap();
            let trade = made.provider_ref.unwrap();
            assert!(matches!(made.shown, Created::Redirect(page) if page.starts_with(BASE) && page.contains(&trade)));
            let due = made.due.unwrap();
            assert!(due.unit.starts_with("USDT-") && due.address.is_some(), "{due:?}");
            assert_eq!(shop.fake.attempts(), [NUMBER]);
            assert_eq!(shop.query(minor, &trade, &CALL, Seal::Right), QueryState::Pending, "{flavour:?}");
            assert_eq!(shop.fake.notice(NUMBER, Twist::None, &CALL), None);
            assert_eq!(shop.fake.pay("X", None, &CALL), None);
            shop.fake.pay(NUMBER, None, &CALL).unwrap();
            shop.fake.pay(NUMBER, None, &CALL).unwrap();
            for call in [CALL, later(86_400_000)] {
                let notice = heard(&shop.fake, &shop.channel, Twist::None, &call);
                assert_eq!(notice, Ok(Notice::Paid(shop.paid(minor, false))), "{flavour:?} {minor}");
            }
            assert_eq!(shop.fake.notice(NUMBER, Twist::None, &CALL).unwrap().url, HOOK);
            let paid = QueryState::Paid(shop.paid(minor, true));
            assert_eq!(shop.query(minor, &trade, &CALL, Seal::Right), paid, "{flavour:?} {minor}");
            if let Some(step) = shop.channel.query_number(&trade, &CALL) {
                assert_eq!(drive(&shop.fake, step, &CALL, Seal::Right), paid);
            }
            assert_eq!(shop.query(minor, "fake-trade-9", &CALL, Seal::Right), QueryState::NotFound);
            assert_eq!(shop.fake.returned(NUMBER), 0);
        }
    }
}

#[test]
fn an_answer_ends_the_repetitions() {
    for flavour in ALL {
        let shop = shop(flavour);
        let ends = |outcome| {
            let ack = shop.channel.ack(outcome);
            shop.fake.is_acknowledged(ack.status, ack.body.as_bytes())
        };
        assert_eq!(
            (ends(Outcome::Accepted), ends(Outcome::Rejected), ends(Outcome::TryAgain)),
            (true, false, false),
            "{flavour:?}"
        );
    }
}

#[test]
fn every_twist_is_noticed() {
    for flavour in ALL {
        let shop = shop(flavour);
        shop.create_as(990, Seal::Right).unwrap();
        shop.fake.pay(NUMBER, None, &CALL).unwrap();
        let gmpay = matches!(flavour, Flavour::Gmpay1 | Flavour::Gmpay2);
        let token = flavour == Flavour::Tokenpay;
        let dollars = Money { minor: 990, currency: Currency::parse("USD").unwrap() };
        for (twist, expected) in [
            (Twist::None, Some(Ok(Notice::Paid(shop.paid(990, false))))),
            (Twist::WrongKey, Some(Err(Reject::BadSignature))),
            (Twist::Unsigned, Some(Err(Reject::BadSignature))),
            (Twist::Changed, Some(Err(Reject::BadSignature))),
            (Twist::OwnRequest, Some(Err(Reject::NotANotice))),
            (Twist::NotPaid, Some(Ok(Notice::NotPaid))),
            (Twist::OtherMerchant, gmpay.then_some(Err(Reject::OtherMerchant))),
            (Twist::OtherCurrency, token.then(|| Ok(Notice::Paid(Paid { amount: dollars, ..shop.paid(990, false) })))),
            (Twist::Old, None),
        ] {
            match expected {
                Some(expected) => {
                    assert_eq!(heard(&shop.fake, &shop.channel, twist, &CALL), expected, "{flavour:?} {twist:?}");
                }
                None => assert_eq!(shop.fake.notice(NUMBER, twist, &CALL), None, "{flavour:?} {twist:?}"),
            }
        }
    }
}

#[test]
fn a_reply_about_other_numbers_says_nothing() {
    for flavour in ALL {
        let shop = shop(flavour);
        let found = shop.create_as(990, Seal::Wrong);
        assert!(matches!(found, Err(CreateError::Unknown(_))), "{flavour:?}: {found:?}");
        // It was made all the same, and money can come for it.
        shop.fake.pay(NUMBER, None, &CALL).unwrap();
        assert_eq!(heard(&shop.fake, &shop.channel, Twist::None, &CALL), Ok(Notice::Paid(shop.paid(990, false))));
        let state = shop.query(990, "fake-trade-1", &CALL, Seal::Wrong);
        assert!(matches!(state, QueryState::Unknown(_)), "{flavour:?}: {state:?}");
        // They sign no replies, so none is missing.
        let state = shop.query(990, "fake-trade-1", &CALL, Seal::Missing);
        assert_eq!(state, QueryState::Paid(shop.paid(990, true)));
    }
}

#[test]
fn an_order_asked_for_again() {
    for flavour in ALL {
        let shop = shop(flavour);
        let first = shop.create_as(990, Seal::Right).unwrap();
        let again = shop.create_as(990, Seal::Right);
        if matches!(flavour, Flavour::Bepusdt | Flavour::Tokenpay) {
            assert_eq!(again, Ok(first), "{flavour:?}");
        } else {
            assert_eq!(again, Err(CreateError::Unknown("the gateway gave another answer")), "{flavour:?}");
        }
        assert_eq!(shop.fake.attempts().len(), 1);
    }
}

#[test]
fn an_order_ends_by_the_gateways_clock() {
    for flavour in ALL {
        let shop = shop(flavour);
        let trade = shop.create_as(990, Seal::Right).unwrap().provider_ref.unwrap();
        assert_eq!(shop.query(990, &trade, &later(599_999), Seal::Right), QueryState::Pending);
        assert_eq!(shop.query(990, &trade, &later(600_000), Seal::Right), QueryState::Closed, "{flavour:?}");
        assert_eq!(shop.fake.pay(NUMBER, None, &later(600_000)), None);
    }
}

#[test]
fn bepusdt_cancels_an_order() {
    let close = |shop: &Shop, trade: &str, seal: Seal| {
        drive(&shop.fake, shop.channel.close(&shop.asked(990, trade), &CALL).unwrap(), &CALL, seal)
    };
    let open = shop(Flavour::Bepusdt);
    let trade = open.create_as(990, Seal::Right).unwrap().provider_ref.unwrap();
    assert_eq!(close(&open, &trade, Seal::Right), CloseState::Closed);
    assert_eq!(close(&open, &trade, Seal::Right), CloseState::Closed);
    assert_eq!(open.fake.pay(NUMBER, None, &CALL), None);
    let paid = shop(Flavour::Bepusdt);
    let trade = paid.create_as(990, Seal::Right).unwrap().provider_ref.unwrap();
    paid.fake.pay(NUMBER, None, &CALL).unwrap();
    assert_eq!(close(&paid, &trade, Seal::Right), CloseState::Paid);
    assert!(matches!(close(&paid, &trade, Seal::Wrong), CloseState::Unknown(_)));
}

#[test]
fn trying_the_settings() {
    for flavour in ALL {
        let shop = shop(flavour);
        let probe = |channel: &Channel| drive(&shop.fake, channel.probe(&CALL), &CALL, Seal::Right);
        assert_eq!(probe(&shop.channel), Probe::Works { signed: false }, "{flavour:?}");
        assert!(shop.fake.attempts().is_empty(), "{flavour:?}: nothing is made by trying");
        let mut settings = shop.fake.settings(BASE);
        settings.set("key", "another");
        let other = (kind(shop.fake.kind()).unwrap().open)(&settings).unwrap();
        assert_eq!(probe(&other), Probe::Account("the gateway does not know the key"), "{flavour:?}");
    }
}
