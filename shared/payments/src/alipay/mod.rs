//! Alipay (支付宝), its open platform's gateway with RSA2 signatures, with plain keys or with certificates.
//!
//! Three products: a code that the buyer scans, made by asking; a page for computers and one for phones, which are addresses of Alipay's
//! that we sign and nobody asks for. Every answer that counts is signed by Alipay over its exact text; a refusal may come unsigned, and
//! then says nothing about a trade.
//! Source: the documents of the open platform and Alipay's kits; published vectors of three of them are in the tests.

pub mod cert;
mod notice;
mod settings;
mod wire;
mod words;

use crate::canonical::{Case, Family, Tail};
use crate::rsa::{SigningKey, VerifyingKey};
use crate::{
    Ack, AttemptRef, AttemptView, Call, CloseState, Codec, CreateError, Created, Device, HttpReply, HttpRequest, Kind,
    Notice, Outcome, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Started, Step, form,
};
use domain::{Currency, Millis};
use serde_json::{Value, json};
use wire::{Answer, Asked, Closing, Refund, Sending};

/// The currency of every account that these products are sold to.
const CURRENCY: Currency = Currency::CNY;

/// The most that one trade may be, in fen: a hundred million yuan.
const MOST: i64 = 10_000_000_000;

/// Every trade is told when it ends, and that is when the shop stops waiting. What was paid in the last second may be known to Alipay's
/// query some moments later, and clocks differ.
const PAYABLE_AFTER_MS: i64 = 5 * 60_000;

/// Alipay.
pub static KIND: Kind = Kind {
    name: "alipay",
    methods: &["alipay"],
    // Only the code needs a question; the pages are addresses.
    asks_to_create: false,
    closes: true,
    refunds: true,
    refund_repeats: true,
    payable_after_ms: PAYABLE_AFTER_MS,
    fields: settings::FIELDS,
    open: settings::open,
};

/// What a request's signature is over: everything but itself, the kind of signature and the certificates' numbers included.
const FAMILY: Family = Family { drop: &["sign"], tail: Tail::None, case: Case::Lower };

/// Characters of a product's name. Alipay takes 256, but in a page's address each may become nine bytes.
const NAME_MAX: usize = 128;

/// What a product is called when nothing of its name survives cleaning.
const NAME_FALLBACK: &str = "product";

/// A way to pay that an account may have signed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Product {
    /// A code to scan (当面付).
    Qr,
    /// A page for computers (电脑网站支付).
    Page,
    /// A page for phones, which opens the app (手机网站支付).
    Wap,
}

impl Product {
    /// The product of this word.
    fn of(word: &str) -> Option<Product> {
        match word {
            "qr" => Some(Product::Qr),
            "page" => Some(Product::Page),
            "wap" => Some(Product::Wap),
            _ => None,
        }
    }

    /// The products in the order in which they suit a device. A phone cannot scan its own screen, and WeChat's browser shows no page of
    /// Alipay's.
    fn for_device(device: Device) -> [Product; 3] {
        match device {
            Device::Desktop => [Product::Qr, Product::Page, Product::Wap],
            Device::Phone | Device::InAlipay => [Product::Wap, Product::Qr, Product::Page],
            Device::InWechat => [Product::Qr, Product::Wap, Product::Page],
        }
    }
}

/// The certificates of certificate mode, by their numbers.
#[derive(Clone, Debug)]
struct Certificates {
    app_sn: String,
    root_sn: String,
    platform_sn: String,
}

/// An application at Alipay.
#[derive(Clone, Debug)]
struct Account {
    gateway: String,
    app_id: String,
    seller_id: Option<String>,
    products: Vec<Product>,
    key: SigningKey,
    platform: VerifyingKey,
    certificates: Option<Certificates>,
}

/// A request's parameters without its signature.
type Parameters = Vec<(&'static str, String)>;

impl Account {
    /// The parameters of every request, signed over exactly what is sent. `None` when the system gives no random bytes to sign with.
    fn signed(&self, method: &str, content: &Value, call: &Call, more: Parameters) -> Option<Parameters> {
        let mut fields: Parameters = vec![
            ("app_id", self.app_id.clone()),
            ("method", method.to_owned()),
            ("format", "JSON".to_owned()),
            ("charset", "utf-8".to_owned()),
            ("sign_type", "RSA2".to_owned()),
            ("timestamp", crate::china::plain(call.now)),
            ("version", "1.0".to_owned()),
            ("biz_content", content.to_string()),
        ];
        if let Some(certificates) = &self.certificates {
            fields.push(("app_cert_sn", certificates.app_sn.clone()));
            fields.push(("alipay_root_cert_sn", certificates.root_sn.clone()));
        }
        fields.extend(more);
        let sign = self.key.sign(FAMILY.text(borrowed(&fields)).as_bytes())?;
        fields.push(("sign", sign));
        Some(fields)
    }

    /// Asks Alipay, and hands what it says to `read`.
    fn ask<T: 'static>(
        &self,
        method: &'static str,
        content: &Value,
        call: &Call,
        more: Parameters,
        read: impl FnOnce(Result<Answer, &'static str>) -> Step<T> + Send + 'static,
    ) -> Step<T> {
        let Some(fields) = self.signed(method, content, call, more) else {
            return read(Err("the request could not be signed"));
        };
        let request = HttpRequest {
            method: "POST",
            // Alipay decodes the body by what the address says.
            url: format!("{}?charset=utf-8", self.gateway),
            headers: [
                ("accept", "application/json"),
                ("accept-encoding", "identity"),
                ("content-type", "application/x-www-form-urlencoded;charset=utf-8"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
            body: form::write(borrowed(&fields)).into_bytes(),
        };
        let account = self.clone();
        let next = move |reply: Option<HttpReply>| read(Answer::of(reply, method, &account));
        Step::Send(request, Box::new(next))
    }

    /// Asks about a trade, and hands what becomes of it to `then`.
    fn ask_trade<T: 'static>(
        &self,
        asked: Asked,
        call: &Call,
        then: impl FnOnce(QueryState) -> T + Send + 'static,
    ) -> Step<T> {
        let (field, number) = asked.field();
        let content = json!({ field: number });
        self.ask("alipay.trade.query", &content, call, Vec::new(), move |answer| {
            let state = answer.and_then(|answer| wire::trade(&answer, &asked));
            Step::Done(then(state.unwrap_or_else(QueryState::Unknown)))
        })
    }

    /// Which product this attempt uses: the one that it names, or the one that suits the device best of those signed for.
    fn product(&self, attempt: &AttemptView<'_>) -> Option<Product> {
        match attempt.method {
            // The kind's own word leaves the choice as open as none.
            None | Some("alipay") => {
                Product::for_device(attempt.device).into_iter().find(|product| self.products.contains(product))
            }
            Some(word) => Product::of(word).filter(|product| self.products.contains(product)),
        }
    }

    /// Checks everything that can be told without Alipay.
    fn plan(&self, attempt: &AttemptView<'_>, call: &Call) -> Result<Product, CreateError> {
        if attempt.amount.currency != CURRENCY {
            return Err(CreateError::Currency(attempt.amount.currency));
        }
        if !(1..=MOST).contains(&attempt.amount.minor) {
            return Err(CreateError::Amount);
        }
        for (field, url) in [("notify_url", attempt.notify_url), ("return_url", attempt.return_url)] {
            crate::base_url::host(url).ok_or(CreateError::Address(field))?;
        }
        // Alipay counts in whole seconds, and would take a time without an end for its own default of hours.
        if attempt.expires_at <= call.now {
            return Err(CreateError::Refused("the time to pay is over"));
        }
        self.product(attempt).ok_or(CreateError::Method)
    }

    /// The address of a page of Alipay's.
    ///
    /// It is a link and no form: a link opens by a tap in every browser, without script and within any form policy, is handed on by the
    /// apps that open it in another browser, and may be reloaded. It holds no secret, and its length is bounded by the name's.
    fn page(
        &self,
        method: &str,
        content: &Value,
        attempt: &AttemptView<'_>,
        call: &Call,
    ) -> Result<Started, CreateError> {
        let addresses =
            vec![("notify_url", attempt.notify_url.to_owned()), ("return_url", attempt.return_url.to_owned())];
        let fields = self
            .signed(method, content, call, addresses)
            .ok_or(CreateError::Refused("the request could not be signed"))?;
        let url = format!("{}?{}", self.gateway, form::write(borrowed(&fields)));
        Ok(Started::shown(Created::Redirect(url)))
    }

    /// Sends money back, or says why nothing leaves. The number of the refund makes a repetition harmless.
    fn send_back(&self, view: &RefundView<'_>, call: &Call) -> Step<RefundState> {
        let refund = match refund_of(view) {
            Ok(refund) => refund,
            Err(why) => return Step::Done(RefundState::Refused(why)),
        };
        let content = json!({
            "trade_no": refund.trade_no,
            "out_trade_no": refund.out_trade_no,
            "refund_amount": view.amount.decimal(),
            "out_request_no": refund.refund_no,
        });
        let (account, call_again) = (self.clone(), *call);
        self.ask("alipay.trade.refund", &content, call, Vec::new(), move |answer| {
            match answer.and_then(|answer| wire::sending(&answer, &refund)) {
                Ok(Sending::Done) => Step::Done(RefundState::Done),
                Ok(Sending::Refused(why)) => Step::Done(RefundState::Refused(why)),
                Ok(Sending::Ask) => account.ask_refund(refund, &call_again, |_| RefundState::UnderWay),
                Err(why) => Step::Done(RefundState::Unknown(why)),
            }
        })
    }

    /// Asks what became of a refund; `or` says what no explicit answer means.
    fn ask_refund(
        &self,
        refund: Refund,
        call: &Call,
        or: impl FnOnce(&'static str) -> RefundState + Send + 'static,
    ) -> Step<RefundState> {
        let content = json!({
            "trade_no": refund.trade_no,
            "out_trade_no": refund.out_trade_no,
            "out_request_no": refund.refund_no,
        });
        self.ask("alipay.trade.fastpay.refund.query", &content, call, Vec::new(), move |answer| {
            Step::Done(answer.and_then(|answer| wire::sent(&answer, &refund)).unwrap_or_else(or))
        })
    }
}

impl Codec for Account {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn currency(&self) -> Currency {
        CURRENCY
    }

    fn create(&self, attempt: &AttemptView<'_>, call: &Call) -> Step<Result<Started, CreateError>> {
        let product = match self.plan(attempt, call) {
            Ok(product) => product,
            Err(why) => return Step::Done(Err(why)),
        };
        let number = attempt.out_trade_no.to_string();
        let mut content = json!({
            "out_trade_no": number,
            "total_amount": attempt.amount.decimal(),
            "subject": clean_name(attempt.product_name),
            // Without it a code could be scanned and paid for hours after the shop gave the stock back.
            "time_expire": crate::china::plain(attempt.expires_at),
        });
        let mut add = |name: &str, value: &str| {
            if let Some(fields) = content.as_object_mut() {
                fields.insert(name.to_owned(), Value::from(value));
            }
        };
        match product {
            Product::Qr => {
                let notify = vec![("notify_url", attempt.notify_url.to_owned())];
                self.ask("alipay.trade.precreate", &content, call, notify, move |answer| {
                    let answer = answer.map_err(CreateError::Unknown);
                    Step::Done(answer.and_then(|answer| wire::code(&answer, &number)))
                })
            }
            Product::Page => {
                add("product_code", "FAST_INSTANT_TRADE_PAY");
                Step::Done(self.page("alipay.trade.page.pay", &content, attempt, call))
            }
            Product::Wap => {
                add("product_code", "QUICK_WAP_WAY");
                add("quit_url", attempt.return_url);
                Step::Done(self.page("alipay.trade.wap.pay", &content, attempt, call))
            }
        }
    }

    fn verify(&self, request: &RawRequest<'_>, _: Millis) -> Result<Notice, Reject> {
        notice::read(self, request)
    }

    /// Alipay ends its repetitions at a body of these seven bytes and nothing else; the status is for everybody else.
    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, body) = match outcome {
            Outcome::Accepted => (200, "success"),
            Outcome::Rejected => (400, "fail"),
            Outcome::TryAgain => (503, "fail"),
        };
        Ack { status, content_type: "text/plain", body }
    }

    fn query(&self, attempt: &AttemptRef<'_>, call: &Call) -> Step<QueryState> {
        self.ask_trade(Asked::OutTradeNo(attempt.out_trade_no.to_string()), call, |state| state)
    }

    fn query_number(&self, trade_no: &str, call: &Call) -> Option<Step<QueryState>> {
        if !wire::is_usable(trade_no) {
            // Without a number Alipay would be asked about no trade, and its "not found" would be about none.
            return Some(Step::Done(QueryState::Unknown("no number to ask by")));
        }
        Some(self.ask_trade(Asked::TradeNo(trade_no.to_owned()), call, |state| state))
    }

    /// Closes the trade. One that cannot be closed any more is asked about, because "wrong status" is said of the paid and of the
    /// closed alike.
    fn close(&self, attempt: &AttemptRef<'_>, call: &Call) -> Option<Step<CloseState>> {
        let number = attempt.out_trade_no.to_string();
        let content = json!({ "out_trade_no": number });
        let (account, call_again) = (self.clone(), *call);
        Some(self.ask("alipay.trade.close", &content, call, Vec::new(), move |answer| {
            match answer.and_then(|answer| wire::closing(&answer, &number)) {
                Ok(Closing::Closed) => Step::Done(CloseState::Closed),
                Ok(Closing::Ask) => account.ask_trade(Asked::OutTradeNo(number), &call_again, wire::not_closed),
                Err(why) => Step::Done(CloseState::Unknown(why)),
            }
        }))
    }

    fn refunds(&self) -> bool {
        true
    }

    fn refund(&self, refund: &RefundView<'_>, call: &Call) -> Option<Step<RefundState>> {
        Some(self.send_back(refund, call))
    }

    fn refund_query(&self, refund: &RefundView<'_>, call: &Call) -> Option<Step<RefundState>> {
        Some(match refund_of(refund) {
            Ok(refund) => self.ask_refund(refund, call, RefundState::Unknown),
            Err(why) => Step::Done(RefundState::Unknown(why)),
        })
    }

    /// Asks about a trade that nobody has made. Only a signed "no such trade" shows that both keys are right.
    fn probe(&self, call: &Call) -> Step<Probe> {
        let content = json!({ "out_trade_no": format!("PROBE{}", call.nonce_hex()) });
        self.ask("alipay.trade.query", &content, call, Vec::new(), |answer| {
            Step::Done(answer.and_then(|answer| wire::account(&answer)).unwrap_or_else(Probe::Unknown))
        })
    }
}

/// A refund as Alipay is told of it, or why it cannot be told.
fn refund_of(view: &RefundView<'_>) -> Result<Refund, &'static str> {
    let is_part = view.paid.currency == CURRENCY && (1..=view.paid.minor).contains(&view.amount.minor);
    if view.amount.currency != CURRENCY || !is_part {
        return Err("This amount cannot be sent back this way.");
    }
    if !wire::is_usable(view.provider_number) || !wire::is_usable(view.out_trade_no) {
        return Err("There is no number of a trade to send money back for.");
    }
    // The number is what keeps a repetition from sending more.
    let is_word = view.refund_no.bytes().all(|b| b.is_ascii_alphanumeric());
    if !(1..=64).contains(&view.refund_no.len()) || !is_word {
        return Err("The refund has no number that Alipay takes.");
    }
    Ok(Refund {
        out_trade_no: view.out_trade_no.to_owned(),
        trade_no: view.provider_number.to_owned(),
        refund_no: view.refund_no.to_owned(),
        minor: view.amount.minor,
    })
}

fn borrowed(fields: &Parameters) -> impl Iterator<Item = (&str, &str)> + Clone {
    fields.iter().map(|(name, value)| (*name, value.as_str()))
}

/// A product's name as Alipay takes it, so that what was signed is what comes back: without `/`, `=` and `&`, which it forbids, and
/// without what escapes of HTML and URLs would change. Characters beyond the basic plane are refused by some of its pages.
fn clean_name(name: &str) -> String {
    let spoils = |c: char| c.is_control() || "/&=+%'\"\\<>`".contains(c) || c > '\u{FFFF}';
    let spaced: String = name.chars().map(|c| if spoils(c) { ' ' } else { c }).collect();
    let words = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = words.chars().take(NAME_MAX).collect();
    let clean = cut.trim_end();
    if clean.is_empty() { NAME_FALLBACK.to_owned() } else { clean.to_owned() }
}
