//! epusdt: the first one by assimon (`legacy`), and what became of it as GMPay before and from version 2 on (`gmpay1`, `gmpay2`).
//!
//! Source: source code of assimon/epusdt 0.0.x and GMWalletApp/epusdt 1.x and 2.x.

use super::number::{self, Style};
use super::{BASE_URL, CURRENCY, Gateway, METHODS, Names, PAYABLE_AFTER_MS, Scheme, coded, is_plain, then, word};
use crate::json::Fields;
use crate::{
    Ack, AttemptRef, AttemptView, BadSetting, Call, Channel, Codec, CreateError, Created, Due, Field, HttpReply, Kind,
    Notice, Outcome, Paid, Probe, QueryState, RawRequest, Reject, Settings, Started, Step, base_url,
};
use domain::{Currency, Millis, Money};

/// epusdt and GMPay.
pub static KIND: Kind = Kind {
    name: "epusdt",
    methods: METHODS,
    asks_to_create: true,
    closes: false,
    refunds: false,
    refund_repeats: false,
    payable_after_ms: PAYABLE_AFTER_MS,
    fields: &[
        BASE_URL,
        Field {
            name: "flavour",
            secret: false,
            required: true,
            choices: &["legacy", "gmpay1", "gmpay2"],
            label: [
                "Which epusdt it is: legacy (assimon), gmpay1 (GMPay 1.x), gmpay2 (GMPay 2.0 and newer, HMAC)",
                "版本：legacy（assimon 原版）、gmpay1（GMPay 1.x）、gmpay2（GMPay 2.0 及以上，HMAC 签名）",
            ],
        },
        Field {
            name: "key",
            secret: true,
            required: true,
            choices: &[],
            label: ["The API token; the secret key of the pid with GMPay", "API 认证 token；GMPay 填 pid 对应的密钥"],
        },
        Field {
            name: "pid",
            secret: false,
            required: false,
            choices: &[],
            label: ["The merchant number (pid), with GMPay alone", "商户号（pid），仅 GMPay 需要"],
        },
        Field {
            name: "token",
            secret: false,
            required: false,
            choices: &[],
            label: ["The coin, with GMPay; empty for usdt", "币种（GMPay）；留空为 usdt"],
        },
        Field {
            name: "network",
            secret: false,
            required: false,
            choices: &[],
            label: ["The network, with GMPay; empty for tron", "网络（GMPay）；留空为 tron"],
        },
        CURRENCY,
    ],
    open,
};

const NAMES: Names = Names {
    trade: "trade_id",
    order: "order_id",
    amount: "amount",
    status: "status",
    paid: "2",
    fiat: "currency",
    method: "network",
};

/// An account of settings.
fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    let mut gateway = Gateway::open(settings, &["signature"], Style::Plain)?;
    let bad = |field, why| Err(BadSetting { field, why });
    let merchant = match settings.required("flavour")? {
        "legacy" if gateway.currency != Currency::CNY => {
            return bad("currency", "The legacy gateway knows CNY only.");
        }
        "legacy" if settings.get("pid").is_some() => {
            return bad("pid", "The legacy gateway has no merchant numbers; with one it is gmpay1 or gmpay2.");
        }
        "legacy" => None,
        flavour @ ("gmpay1" | "gmpay2") => {
            if flavour == "gmpay2" {
                gateway.scheme = Scheme::Hmac;
            }
            let pid = settings.required("pid").and_then(|_| word(settings, "pid", ""))?;
            let (token, network) = (word(settings, "token", "usdt")?, word(settings, "network", "tron")?);
            let lower = str::to_ascii_lowercase;
            Some(Merchant { pid: pid.to_owned(), token: lower(token), network: lower(network) })
        }
        _ => return bad("flavour", "It is none of legacy, gmpay1 and gmpay2."),
    };
    Ok(Channel::new(Account { gateway, merchant }))
}

/// An account at a gateway of this kind.
#[derive(Clone, Debug)]
struct Account {
    gateway: Gateway,
    /// With GMPay alone.
    merchant: Option<Merchant>,
}

/// What GMPay has to be told beyond the legacy gateway.
#[derive(Clone, Debug)]
struct Merchant {
    pid: String,
    token: String,
    network: String,
}

impl Account {
    /// The request that makes an order, all but its numbers. An amount of a hundredth is refused by all of them: it must be above.
    fn order(&self, number: &str, amount: &str, notify_url: &str, redirect_url: &str) -> crate::HttpRequest {
        let mut pairs = vec![("order_id", number), ("notify_url", notify_url), ("redirect_url", redirect_url)];
        let currency = self.gateway.currency.code().to_ascii_lowercase();
        let path = match &self.merchant {
            None => "/api/v1/order/create-transaction",
            Some(merchant) => {
                pairs.extend([
                    ("pid", merchant.pid.as_str()),
                    ("currency", &currency),
                    ("token", &merchant.token),
                    ("network", &merchant.network),
                ]);
                "/payments/gmpay/v1/order/create-transaction"
            }
        };
        self.gateway.post(path, &pairs, &[("amount", amount)])
    }

    fn started(&self, reply: &HttpReply, number: &str, asked: Money) -> Result<Started, CreateError> {
        let (code, fields) = coded(reply).map_err(CreateError::Unknown)?;
        if code != "200" {
            return Err(refusal(&code));
        }
        let unknown = CreateError::Unknown;
        let data = fields.object("data").ok_or(unknown("the reply has no data"))?;
        if data.scalar("order_id").as_deref() != Some(number) {
            return Err(unknown("the reply is about another order"));
        }
        // An order over another amount would be paid with that.
        if data.scalar("amount").and_then(|amount| self.gateway.minor(&amount)) != Some(asked.minor) {
            return Err(unknown("the reply is about another amount"));
        }
        let trade = data.scalar("trade_id").filter(|trade| is_plain(trade));
        let url = data.string("payment_url").filter(|url| base_url::is_page(url, &self.gateway.base_url));
        let coins = data.scalar("actual_amount").and_then(|text| number::canonical(&text, Style::Plain));
        Ok(Started {
            shown: Created::Redirect(url.ok_or(unknown("an order without a page"))?),
            provider_ref: Some(trade.ok_or(unknown("an order without a number that can be used"))?),
            due: Some(Due {
                amount: coins.ok_or(unknown("an order without its amount of coins"))?,
                unit: self.unit(),
                address: self.address(&data),
            }),
        })
    }

    fn unit(&self) -> String {
        // The legacy gateway watches nothing but USDT on TRON.
        self.merchant.as_ref().map_or_else(
            || "USDT-TRC20".to_owned(),
            |merchant| format!("{}-{}", merchant.token, merchant.network).to_ascii_uppercase(),
        )
    }

    /// The legacy gateway calls the address a token; GMPay calls the coin so.
    fn address(&self, data: &Fields<'_>) -> Option<String> {
        let name = if self.merchant.is_some() { "receive_address" } else { "token" };
        data.string(name).filter(|address| is_plain(address))
    }
}

/// Why no order was made, by the gateway's own number for it.
fn refusal(code: &str) -> CreateError {
    match code {
        "401" => CreateError::Account("the gateway does not know the key"),
        "10003" => CreateError::Refused("the gateway has no address left to be paid at"),
        "10004" => CreateError::Amount,
        "10005" => CreateError::Refused("the gateway has no amount of coins left to tell orders apart by"),
        "10006" => CreateError::Refused("the gateway has no rate of exchange"),
        "10009" => CreateError::Refused("the gateway does not read our request"),
        "10014" | "10016" => CreateError::Account("the gateway does not take this coin on this network"),
        "10041" => CreateError::Address("notify_url"),
        // 10002 is an order of this number, made by a call whose reply was lost, and 400 a failure at any point.
        _ => CreateError::Unknown("the gateway gave another answer"),
    }
}

/// Whether an amount is above a hundredth of the currency, which these gateways ask for.
fn is_above_hundredth(amount: Money) -> bool {
    match amount.currency.exponent() {
        0 => true,
        2 => amount.minor > 1,
        _ => amount.minor > 10,
    }
}

/// What the unsigned reply says about the trade asked for. It holds a number and a status and no amount, so it speaks of the amount
/// that was agreed when the trade was made: the gateway knows a trade as paid only by exactly its coins.
fn state(reply: &HttpReply, trade: &str, paid: Paid) -> Result<QueryState, &'static str> {
    let (code, fields) = coded(reply)?;
    if code == "10008" {
        return Ok(QueryState::NotFound);
    }
    if code != "200" {
        return Err("the gateway refused to answer");
    }
    let data = fields.object("data").ok_or("the reply has no data")?;
    if data.scalar("trade_id").as_deref() != Some(trade) {
        return Err("the reply is about another trade");
    }
    match data.scalar("status").as_deref() {
        // 4 is an order whose buyer has not chosen a network yet.
        Some("1" | "4") => Ok(QueryState::Pending),
        Some("2") => Ok(QueryState::Paid(paid)),
        Some("3") => Ok(QueryState::Closed),
        _ => Err("the status is none that is known"),
    }
}

impl Codec for Account {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn currency(&self) -> Currency {
        self.gateway.currency
    }

    fn create(&self, attempt: &AttemptView<'_>, _: &Call) -> Step<Result<Started, CreateError>> {
        let amount = match self.gateway.amount_of(attempt) {
            Ok(amount) if is_above_hundredth(attempt.amount) => amount,
            Ok(_) => return Step::Done(Err(CreateError::Amount)),
            Err(error) => return Step::Done(Err(error)),
        };
        let number = attempt.out_trade_no.to_string();
        let request = self.order(&number, &amount, attempt.notify_url, attempt.return_url);
        let (account, asked) = (self.clone(), attempt.amount);
        then(request, Err(CreateError::Unknown("no reply")), move |reply| account.started(&reply, &number, asked))
    }

    fn verify(&self, request: &RawRequest<'_>, _: Millis) -> Result<Notice, Reject> {
        self.gateway.read(request, &NAMES, self.merchant.as_ref().map(|merchant| merchant.pid.as_str()))
    }

    fn ack(&self, outcome: Outcome) -> Ack {
        super::ack(outcome)
    }

    /// Asks by the gateway's number; it cannot be asked by ours.
    fn query(&self, attempt: &AttemptRef<'_>, _: &Call) -> Step<QueryState> {
        let Some(trade) = attempt.provider_ref.filter(|trade| is_plain(trade)) else {
            return Step::Done(QueryState::Unknown("no number to ask by"));
        };
        let trade = trade.to_owned();
        let request = self.gateway.json("GET", &format!("/pay/check-status/{trade}"), String::new());
        let paid = Paid {
            out_trade_no: attempt.out_trade_no.to_string(),
            provider_number: trade.clone(),
            amount: attempt.amount,
            method: None,
        };
        then(request, QueryState::Unknown("no reply"), move |reply| {
            state(&reply, &trade, paid).unwrap_or_else(QueryState::Unknown)
        })
    }

    /// Asks for an order over nothing, which no gateway makes: it looks at the signature first and at the amount then.
    fn probe(&self, call: &Call) -> Step<Probe> {
        let url = "https://probe.example/";
        let request = self.order(&call.nonce_hex(), "0", url, url);
        then(request, Probe::Unknown("no reply"), |reply| match coded(&reply) {
            Ok((code, _)) if code == "401" => Probe::Account("the gateway does not know the key"),
            Ok((code, _)) if code != "200" => Probe::Works { signed: false },
            Ok(_) => Probe::Unknown("the gateway made an order over nothing"),
            Err(why) => Probe::Unknown(why),
        })
    }
}
