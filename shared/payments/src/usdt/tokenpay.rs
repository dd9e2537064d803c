//! TokenPay by LightCountry. Source: its source code and its document for other systems.

use super::number::{self, Style};
use super::{BASE_URL, CURRENCY, Gateway, METHODS, Names, PAYABLE_AFTER_MS, is_plain, is_usable, then, word};
use crate::json::{Fields, object_of};
use crate::{
    Ack, AttemptRef, AttemptView, BadSetting, Call, Channel, Codec, CreateError, Created, Due, Field, HttpReply,
    HttpRequest, Kind, Notice, Outcome, Paid, Probe, QueryState, RawRequest, Reject, Settings, Started, Step, base_url,
    form,
};
use domain::{Currency, Millis, Money};

/// TokenPay.
pub static KIND: Kind = Kind {
    name: "tokenpay",
    methods: METHODS,
    asks_to_create: true,
    closes: false,
    refunds: false,
    refund_repeats: false,
    payable_after_ms: PAYABLE_AFTER_MS,
    fields: &[
        BASE_URL,
        Field {
            name: "key",
            secret: true,
            required: true,
            choices: &[],
            label: ["The ApiToken of appsettings.json", "ApiToken（见 appsettings.json）"],
        },
        Field {
            name: "coin",
            secret: false,
            required: false,
            choices: &[],
            label: ["The coin, as TokenPay writes it; empty for USDT_TRC20", "TokenPay 币种代码；留空为 USDT_TRC20"],
        },
        CURRENCY,
    ],
    open,
};

const NAMES: Names = Names {
    trade: "Id",
    order: "OutOrderId",
    amount: "ActualAmount",
    status: "Status",
    paid: "1",
    fiat: "BaseCurrency",
    method: "Currency",
};

/// What it says of a wrong signature and of an order that it does not have, without the mark at the end.
const SIGNATURE: &str = "签名验证失败";
/// See [`SIGNATURE`].
const NO_ORDER: &str = "订单不存在";

/// What it says of an amount that no coins can be asked for.
const AMOUNT: [&str; 2] = ["金额有误", "此订单金额过低"];

/// How it begins to say that it does not take a coin, before it names all that it takes.
const COIN: &str = "不支持的币种";

/// An account of settings.
fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    let gateway = Gateway::open(settings, &["Signature"], Style::Sent)?;
    let coin = word(settings, "coin", "USDT_TRC20")?;
    Ok(Channel::new(Account { gateway, coin: coin.to_owned() }))
}

/// An account at a gateway of this kind.
#[derive(Clone, Debug)]
struct Account {
    gateway: Gateway,
    coin: String,
}

/// A field that one version writes with a capital and another without.
fn either<'a>(fields: &Fields<'a>, name: &str) -> Option<String> {
    let mut small = name.to_owned();
    small.get_mut(..1)?.make_ascii_lowercase();
    match (fields.scalar(name), fields.scalar(&small)) {
        (Some(_), Some(_)) => None,
        (capital, small) => capital.or(small),
    }
}

/// A good reply, or what its refusal says, without the mark at the end.
fn answer(reply: &HttpReply) -> Result<Result<Fields<'_>, String>, &'static str> {
    let fields = Fields::read(object_of(reply)?)?;
    match fields.raw("success").map(|raw| raw.get()) {
        Some("true") => Ok(Ok(fields)),
        Some("false") => {
            let told = fields.string("message").unwrap_or_default();
            Ok(Err(told.trim_end_matches(['!', '！', '.', '。']).to_owned()))
        }
        _ => Err("the reply is neither a success nor a refusal"),
    }
}

impl Account {
    fn started(&self, reply: &HttpReply, number: &str, asked: Money) -> Result<Started, CreateError> {
        let fields = match answer(reply).map_err(CreateError::Unknown)? {
            Ok(fields) => fields,
            Err(told) if told == SIGNATURE => return Err(CreateError::Account("the gateway does not know the key")),
            Err(told) if told.starts_with(COIN) => {
                return Err(CreateError::Account("the gateway does not take this coin"));
            }
            Err(told) if AMOUNT.contains(&told.as_str()) => return Err(CreateError::Amount),
            // It writes an order down last, and only then calls it a success.
            Err(_) => return Err(CreateError::Refused("the gateway could not make the order")),
        };
        let unknown = CreateError::Unknown;
        let info = fields.object("info").ok_or(unknown("the reply has no info"))?;
        if either(&info, "OutOrderId").as_deref() != Some(number) {
            return Err(unknown("the reply is about another order"));
        }
        // The gateway counts in the one currency of its own settings, and would take our amount for that.
        if !self.is_ours(&info) {
            return Err(CreateError::Account("the gateway counts in another currency (BaseCurrency)"));
        }
        if either(&info, "ActualAmount").and_then(|amount| self.gateway.minor(&amount)) != Some(asked.minor) {
            return Err(unknown("the reply is about another amount"));
        }
        let trade = either(&info, "Id").filter(|trade| is_plain(trade));
        let url = fields.string("data").filter(|url| base_url::is_page(url, &self.gateway.base_url));
        let coins = either(&info, "Amount").and_then(|text| number::canonical(&text, Style::Plain));
        Ok(Started {
            shown: Created::Redirect(url.ok_or(unknown("an order without a page"))?),
            provider_ref: Some(trade.ok_or(unknown("an order without a number that can be used"))?),
            due: Some(Due {
                amount: coins.ok_or(unknown("an order without its amount of coins"))?,
                unit: self.coin.replace('_', "-"),
                address: either(&info, "ToAddress").filter(|address| is_plain(address)),
            }),
        })
    }

    /// Whether a reply's currency is that of the shop. Older versions do not name it.
    fn is_ours(&self, fields: &Fields<'_>) -> bool {
        either(fields, "BaseCurrency").is_none_or(|code| code.eq_ignore_ascii_case(self.gateway.currency.code()))
    }

    fn ask(&self, trade: &str) -> HttpRequest {
        let sign = self.gateway.sign([("Id", trade)]);
        let query = form::write([("Id", trade), ("Signature", &sign)]);
        self.gateway.json("GET", &format!("/Query?{query}"), String::new())
    }

    /// What the unsigned reply says about the trade asked for. `ours`: the number of ours that it must be about.
    fn state(&self, reply: &HttpReply, trade: &str, ours: Option<&str>) -> Result<QueryState, &'static str> {
        let fields = match answer(reply)? {
            Ok(fields) => fields,
            Err(told) if told == NO_ORDER => return Ok(QueryState::NotFound),
            Err(_) => return Err("the gateway refused to answer"),
        };
        let data = fields.object("data").ok_or("the reply has no data")?;
        if either(&data, "Id").as_deref() != Some(trade) {
            return Err("the reply is about another trade");
        }
        let order =
            either(&data, "OutOrderId").filter(|order| is_usable(order)).ok_or("the reply is about no order")?;
        if ours.is_some_and(|ours| ours != order) {
            return Err("the reply is about another order");
        }
        match either(&data, "Status").as_deref() {
            Some("0") => Ok(QueryState::Pending),
            Some("1") => {
                if !self.is_ours(&data) {
                    return Err("paid, in another currency");
                }
                let amount = either(&data, "ActualAmount").and_then(|amount| self.gateway.minor(&amount));
                let currency = self.gateway.currency;
                Ok(QueryState::Paid(Paid {
                    out_trade_no: order,
                    provider_number: trade.to_owned(),
                    amount: Money { minor: amount.ok_or("paid, with an unclear amount")?, currency },
                    method: either(&data, "Currency").filter(|method| !method.is_empty()),
                }))
            }
            Some("2") => Ok(QueryState::Closed),
            _ => Err("the status is none that is known"),
        }
    }
}

impl Codec for Account {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn currency(&self) -> Currency {
        self.gateway.currency
    }

    /// Makes an order. The same number again is the same order, as long as that is open.
    fn create(&self, attempt: &AttemptView<'_>, _: &Call) -> Step<Result<Started, CreateError>> {
        let amount = match self.gateway.amount_of(attempt) {
            Ok(amount) => amount,
            Err(error) => return Step::Done(Err(error)),
        };
        let number = attempt.out_trade_no.to_string();
        let pairs = [
            ("OutOrderId", number.as_str()),
            // Who pays. A gateway that gives each payer an address of his own gives each attempt one, so nobody's coins meet.
            ("OrderUserKey", &number),
            ("Currency", &self.coin),
            ("NotifyUrl", attempt.notify_url),
            ("RedirectUrl", attempt.return_url),
        ];
        let request = self.gateway.post("/CreateOrder", &pairs, &[("ActualAmount", &amount)]);
        let (account, asked) = (self.clone(), attempt.amount);
        then(request, Err(CreateError::Unknown("no reply")), move |reply| account.started(&reply, &number, asked))
    }

    fn verify(&self, request: &RawRequest<'_>, _: Millis) -> Result<Notice, Reject> {
        self.gateway.read(request, &NAMES, None)
    }

    fn ack(&self, outcome: Outcome) -> Ack {
        super::ack(outcome)
    }

    /// Asks by the gateway's number; it cannot be asked by ours.
    fn query(&self, attempt: &AttemptRef<'_>, _: &Call) -> Step<QueryState> {
        let Some(trade) = attempt.provider_ref.filter(|trade| is_plain(trade)) else {
            return Step::Done(QueryState::Unknown("no number to ask by"));
        };
        let (account, trade, number) = (self.clone(), trade.to_owned(), attempt.out_trade_no.to_string());
        then(self.ask(&trade), QueryState::Unknown("no reply"), move |reply| {
            account.state(&reply, &trade, Some(&number)).unwrap_or_else(QueryState::Unknown)
        })
    }

    fn query_number(&self, trade: &str, _: &Call) -> Option<Step<QueryState>> {
        if !is_plain(trade) {
            return Some(Step::Done(QueryState::Unknown("no number to ask by")));
        }
        let (account, trade) = (self.clone(), trade.to_owned());
        Some(then(self.ask(&trade), QueryState::Unknown("no reply"), move |reply| {
            account.state(&reply, &trade, None).unwrap_or_else(QueryState::Unknown)
        }))
    }

    /// Asks about an order that nobody made: whether the signature fits is looked at first.
    fn probe(&self, call: &Call) -> Step<Probe> {
        // The gateway reads a UUID and signs it as it prints one: 8, 4, 4, 4 and 12 digits.
        let mut id = String::new();
        for (at, digit) in call.nonce_hex().chars().enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                id.push('-');
            }
            id.push(digit);
        }
        then(self.ask(&id), Probe::Unknown("no reply"), |reply| match answer(&reply) {
            Ok(Err(told)) if told == SIGNATURE => Probe::Account("the gateway does not know the key"),
            Ok(Err(told)) if told == NO_ORDER => Probe::Works { signed: false },
            Ok(_) => Probe::Unknown("the gateway gave another answer"),
            Err(why) => Probe::Unknown(why),
        })
    }
}
