//! BEpusdt by v03413. Source: its source code and documents.

use super::number::{self, Style};
use super::{
    BASE_URL, CURRENCY, Gateway, METHODS, Names, PAYABLE_AFTER_MS, coded, is_plain, is_usable, member, then, word,
};
use crate::json::Fields;
use crate::{
    Ack, AttemptRef, AttemptView, BadSetting, Call, Channel, CloseState, Codec, CreateError, Created, Due, Field,
    HttpReply, HttpRequest, Kind, Notice, Outcome, Paid, Probe, QueryState, RawRequest, Reject, Settings, Started,
    Step, base_url,
};
use domain::{Currency, Millis, Money};

/// BEpusdt.
pub static KIND: Kind = Kind {
    name: "bepusdt",
    methods: METHODS,
    asks_to_create: true,
    closes: true,
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
            label: ["The API token (auth token)", "API 认证 token（auth_token）"],
        },
        Field {
            name: "trade_type",
            secret: false,
            required: false,
            choices: &[],
            label: ["The coin and its network; empty for usdt.trc20", "交易类型；留空为 usdt.trc20"],
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
    fiat: "fiat",
    method: "trade_type",
};

/// Seconds for which an order is open at the least; the gateway takes no less.
const LEAST_S: i64 = 120;

/// Seconds for which an order is open at the most: a day, so that a broken clock asks for no year.
const MOST_S: i64 = 24 * 3_600;

/// Words before every refusal of a wrong signature.
const SIGNATURE: [&str; 2] = ["签名错误", "签名丢失"];

/// Words before the refusals after which nothing was made.
const NOT_MADE: [&str; 2] = ["请求参数错误", "订单创建失败"];

/// How it says that it has no such order: in older versions and in newer ones.
const NO_ORDER: [&str; 2] = ["订单不存在", "order not found"];

/// An account of settings.
fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    let gateway = Gateway::open(settings, &["signature"], Style::General)?;
    let trade_type = word(settings, "trade_type", "usdt.trc20")?.to_ascii_lowercase();
    if !trade_type.contains('.') {
        return Err(BadSetting { field: "trade_type", why: "It is a coin, a dot and a network, such as usdt.trc20." });
    }
    Ok(Channel::new(Account { gateway, trade_type }))
}

/// An account at a gateway of this kind.
#[derive(Clone, Debug)]
struct Account {
    gateway: Gateway,
    trade_type: String,
}

impl Account {
    fn started(&self, reply: &HttpReply, number: &str, asked: Money) -> Result<Started, CreateError> {
        let (code, fields) = coded(reply).map_err(CreateError::Unknown)?;
        if code != "200" {
            let told = fields.string("message").unwrap_or_default();
            let begins = |words: &[&str]| words.iter().any(|word| told.starts_with(word));
            return Err(if begins(&SIGNATURE) {
                CreateError::Account("the gateway does not know the key")
            } else if begins(&NOT_MADE) {
                CreateError::Refused("the gateway could not make the order")
            } else {
                CreateError::Unknown("the gateway gave another answer")
            });
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
                unit: self.trade_type.replace('.', "-").to_ascii_uppercase(),
                address: data.string("token").filter(|address| is_plain(address)),
            }),
        })
    }

    /// Asks about one trade. The call takes no signature.
    fn ask(&self, trade: &str) -> HttpRequest {
        self.gateway.json("POST", "/api/v1/pay/info", format!("{{{}}}", member("trade_id", trade)))
    }

    /// What the unsigned reply says about the trade asked for. `ours`: the number of ours that it must be about.
    fn state(&self, reply: &HttpReply, trade: &str, ours: Option<&str>) -> Result<QueryState, &'static str> {
        let (code, fields) = coded(reply)?;
        if code != "200" {
            let told = fields.string("message").unwrap_or_default();
            return if NO_ORDER.contains(&told.as_str()) {
                Ok(QueryState::NotFound)
            } else {
                Err("the gateway refused to answer")
            };
        }
        let data = fields.object("data").ok_or("the reply has no data")?;
        if data.scalar("trade_id").as_deref() != Some(trade) {
            return Err("the reply is about another trade");
        }
        let order = data.scalar("order_id").filter(|order| is_usable(order)).ok_or("the reply is about no order")?;
        if ours.is_some_and(|ours| ours != order) {
            return Err("the reply is about another order");
        }
        match data.scalar("status").as_deref() {
            // 5: seen on the chain, and not deep enough in it yet.
            Some("1" | "5") => Ok(QueryState::Pending),
            Some("2") => self.paid(&data, order, trade).map(QueryState::Paid),
            Some("3" | "4") => Ok(QueryState::Closed),
            // 6 is a payment that the chain took back, or the gateway could not prove.
            _ => Err("the status is none that is known"),
        }
    }

    fn paid(&self, data: &Fields<'_>, order: String, trade: &str) -> Result<Paid, &'static str> {
        if data.string("fiat").is_some_and(|fiat| !fiat.eq_ignore_ascii_case(self.gateway.currency.code())) {
            return Err("paid, in another currency");
        }
        let amount = data.scalar("money").and_then(|money| self.gateway.minor(&money));
        Ok(Paid {
            out_trade_no: order,
            provider_number: trade.to_owned(),
            amount: Money { minor: amount.ok_or("paid, with an unclear amount")?, currency: self.gateway.currency },
            method: data.string("trade_type").filter(|method| !method.is_empty()),
        })
    }
}

impl Codec for Account {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn currency(&self) -> Currency {
        self.gateway.currency
    }

    /// Makes an order. The same number again rebuilds it with what is asked then, and makes no second one.
    fn create(&self, attempt: &AttemptView<'_>, call: &Call) -> Step<Result<Started, CreateError>> {
        let amount = match self.gateway.amount_of(attempt) {
            Ok(amount) => amount,
            Err(error) => return Step::Done(Err(error)),
        };
        let number = attempt.out_trade_no.to_string();
        let timeout = (attempt.expires_at / 1_000).saturating_sub(call.now / 1_000).clamp(LEAST_S, MOST_S).to_string();
        let pairs = [
            ("order_id", number.as_str()),
            ("notify_url", attempt.notify_url),
            ("redirect_url", attempt.return_url),
            ("fiat", self.gateway.currency.code()),
            ("trade_type", &self.trade_type),
        ];
        let numbers = [("amount", amount.as_str()), ("timeout", &timeout)];
        let request = self.gateway.post("/api/v1/order/create-transaction", &pairs, &numbers);
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

    /// Cancels the order. One that is over cannot be cancelled, whatever ended it, so after a refusal the order itself is asked.
    fn close(&self, attempt: &AttemptRef<'_>, _: &Call) -> Option<Step<CloseState>> {
        let Some(trade) = attempt.provider_ref.filter(|trade| is_plain(trade)) else {
            return Some(Step::Done(CloseState::Unknown("no order to close")));
        };
        let (account, trade, number) = (self.clone(), trade.to_owned(), attempt.out_trade_no.to_string());
        let request = self.gateway.post("/api/v1/order/cancel-transaction", &[("trade_id", &trade)], &[]);
        Some(Step::Send(
            request,
            Box::new(move |reply| {
                let Some(reply) = reply else { return Step::Done(CloseState::Unknown("no reply")) };
                let (code, fields) = match coded(&reply) {
                    Ok(read) => read,
                    Err(why) => return Step::Done(CloseState::Unknown(why)),
                };
                if code == "200" {
                    let about = fields.object("data").and_then(|data| data.scalar("trade_id"));
                    return Step::Done(if about.as_ref() == Some(&trade) {
                        CloseState::Closed
                    } else {
                        CloseState::Unknown("the reply is about another trade")
                    });
                }
                then(account.ask(&trade), CloseState::Unknown("no reply"), move |reply| {
                    match account.state(&reply, &trade, Some(&number)) {
                        Ok(QueryState::Closed) => CloseState::Closed,
                        Ok(QueryState::Paid(_)) => CloseState::Paid,
                        Ok(_) => CloseState::Unknown("the order is still open"),
                        Err(why) => CloseState::Unknown(why),
                    }
                })
            }),
        ))
    }

    /// Cancels an order that nobody made: whether the signature fits is looked at first.
    fn probe(&self, call: &Call) -> Step<Probe> {
        let request = self.gateway.post("/api/v1/order/cancel-transaction", &[("trade_id", &call.nonce_hex())], &[]);
        then(request, Probe::Unknown("no reply"), |reply| match coded(&reply) {
            Ok((_, fields)) => {
                let told = fields.string("message").unwrap_or_default();
                if SIGNATURE.iter().any(|word| told.starts_with(word)) {
                    Probe::Account("the gateway does not know the key")
                } else if NO_ORDER.contains(&told.as_str()) {
                    Probe::Works { signed: false }
                } else {
                    Probe::Unknown("the gateway gave another answer")
                }
            }
            Err(why) => Probe::Unknown(why),
        })
    }
}
