//! 易支付 (epay, 彩虹易支付), protocol v2 with RSA signatures in both directions.
//!
//! The merchant signs with a key of his own; the gateway signs notifications and replies with one key for **all** its merchants, so
//! another merchant's notification is as well signed as ours and the merchant's number alone tells them apart. What is signed has a
//! time; a notification that is older than five minutes, or newer, only gives cause to ask.
//!
//! Refusals of calls are not signed by 彩虹易支付 (its exceptions end in a bare `code` and `msg`): they are believed word for word
//! from a closed list, because TLS vouches for the gateway, and none of them books or returns money. Everything that is believed of
//! a payment is signed. Source: source code and documents of 彩虹易支付.

mod wire;

use crate::epay::common::{self, CURRENCY, Fields, PAYABLE_AFTER_MS, ack, borrowed, fields_of, is_usable};
use crate::epay::{ADDRESS_OF_A_CALL, by_api};
use crate::form::{self, NotForm};
use crate::rsa::{SigningKey, VerifyingKey};
use crate::{
    Ack, AttemptRef, AttemptView, BadSetting, Call, Channel, CloseState, Codec, CreateError, Created, Field, HttpReply,
    HttpRequest, Kind, Notice, Outcome, Paid, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Settings,
    Started, Step,
};
use domain::{Currency, Millis, Money, money};
use wire::{Asked, Signed};

/// 易支付 v2.
pub static KIND: Kind = Kind {
    name: "epay_v2",
    methods: &["alipay", "wxpay", "qqpay", "bank", "jdpay"],
    asks_to_create: false,
    closes: true,
    refunds: true,
    refund_repeats: true,
    payable_after_ms: PAYABLE_AFTER_MS,
    fields: &[
        Field {
            name: "base_url",
            secret: false,
            required: true,
            choices: &[],
            label: ["The gateway's address, as its documents give it: https://…", "接口地址，见网关文档：https://…"],
        },
        Field {
            name: "pid",
            secret: false,
            required: true,
            choices: &[],
            label: ["The merchant number (pid)", "商户ID（pid）"],
        },
        Field {
            name: "private_key",
            secret: true,
            required: true,
            choices: &[],
            label: [
                "The merchant's private key (RSA), made in the gateway's console",
                "商户私钥（RSA），在网关后台生成",
            ],
        },
        Field {
            name: "platform_key",
            secret: false,
            required: true,
            choices: &[],
            label: ["The gateway's public key, from its console", "平台公钥，见网关后台"],
        },
        Field {
            name: "create",
            secret: false,
            required: false,
            choices: &["page", "api"],
            label: [
                "How an order is made: by the gateway's page (page), or by its API (/api/pay/create), which gives a code to scan (api)",
                "下单方式：page 跳转网关页面；api 调用 /api/pay/create 接口，直接得到付款码",
            ],
        },
        Field {
            name: "closes",
            secret: false,
            required: false,
            choices: &["true", "false"],
            label: [
                "Whether this gateway closes orders (/api/pay/close), which some cannot",
                "网关是否支持关闭订单接口（/api/pay/close）",
            ],
        },
    ],
    open,
};

/// A key of v1 has 32 letters; the shortest RSA key that is taken has more than a thousand.
const SHORT_KEY: usize = 64;

/// An account of settings.
fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    let bad = |field, why| BadSetting { field, why };
    let base_url = settings.required("base_url")?;
    if common::is_a_call(base_url) {
        return Err(bad("base_url", ADDRESS_OF_A_CALL));
    }
    let base_url = common::gateway(base_url, false)
        .ok_or(bad("base_url", "The gateway's address must be https://host, with nothing after the path."))?;
    let pid = settings.required("pid")?;
    if !common::is_pid(pid) {
        return Err(bad("pid", "The merchant number must be 1 to 32 letters, digits, - or _."));
    }
    let read = settings.required("private_key")?;
    if read.len() <= SHORT_KEY {
        return Err(bad("private_key", "This is a key of v1 (MD5): v2 needs the merchant's private RSA key."));
    }
    let private = SigningKey::read(read).map_err(|why| bad("private_key", why.why()))?;
    let platform = settings.required("platform_key")?;
    let platform = VerifyingKey::read(platform).map_err(|why| bad("platform_key", why.why()))?;
    // With our own key in its place, our own pay form would pass as the gateway's word.
    if platform == private.public() {
        let why = "This is the public half of the merchant's own key: the gateway's own public key belongs here.";
        return Err(bad("platform_key", why));
    }
    let (by_api, closes) = (by_api(settings)?, settings.flag("closes")?);
    Ok(Channel::new(Account { base_url, pid: pid.to_owned(), private, platform, by_api, closes }))
}

/// A merchant's account at one gateway.
#[derive(Clone, Debug)]
struct Account {
    base_url: String,
    pid: String,
    private: SigningKey,
    platform: VerifyingKey,
    by_api: bool,
    closes: bool,
}

/// What is said when the system gives no random bytes to hide the key's use with. Nothing was sent then.
const UNSIGNED: &str = "nothing was sent, because it could not be signed";

impl Account {
    /// The fields with the time and their signature, over exactly the text that is sent.
    fn signed(&self, mut fields: Fields, call: &Call) -> Option<Fields> {
        fields.push(("timestamp", wire::seconds(call.now).to_string()));
        let sign = self.private.sign(wire::text(borrowed(&fields)).as_bytes())?;
        fields.extend([("sign", sign), ("sign_type", "RSA".to_owned())]);
        Some(fields)
    }

    /// One of the gateway's calls, for this merchant.
    fn call(&self, path: &str, fields: Fields, call: &Call) -> Option<HttpRequest> {
        let mut all = vec![("pid", self.pid.clone())];
        all.extend(fields);
        let signed = self.signed(all, call)?;
        Some(common::post(format!("{}{path}", self.base_url), borrowed(&signed)))
    }

    /// Sends a request and reads its reply, or says why there is none.
    fn ask<T: 'static>(
        &self,
        request: Option<HttpRequest>,
        call: &Call,
        unknown: fn(&'static str) -> T,
        read: impl FnOnce(&wire::Reply) -> T + Send + 'static,
    ) -> Step<T> {
        let Some(request) = request else { return Step::Done(unknown(UNSIGNED)) };
        let (platform, now) = (self.platform.clone(), call.now);
        let next = move |reply: Option<HttpReply>| {
            Step::Done(match reply {
                Some(reply) => read(&wire::Reply::read(&reply, &platform, now)),
                None => unknown("no reply"),
            })
        };
        Step::Send(request, Box::new(next))
    }

    /// The form that takes the buyer to the gateway's page. A form and no address, because behind its rewritten path the gateway finds a
    /// field in the query that nobody signed. It is taken for five minutes, so it is made anew whenever the page is shown.
    fn page(&self, order: Fields, call: &Call) -> Result<Created, CreateError> {
        let signed = self.signed(order, call).ok_or(CreateError::Refused(UNSIGNED))?;
        let fields = signed.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Created::Form { action: format!("{}/api/pay/submit", self.base_url), fields })
    }

    /// Asks `/api/pay/create`, which makes the trade at once and says how it is paid.
    fn made(&self, mut order: Fields, buyer: Fields, call: &Call) -> Step<Result<Started, CreateError>> {
        order.extend(buyer);
        order.push(("method", "web".to_owned()));
        let Some(signed) = self.signed(order, call) else {
            return Step::Done(Err(CreateError::Refused(UNSIGNED)));
        };
        let request = common::post(format!("{}/api/pay/create", self.base_url), borrowed(&signed));
        let base_url = self.base_url.clone();
        let unknown = |why| Err(CreateError::Unknown(why));
        self.ask(Some(request), call, unknown, move |reply| reply.made(&base_url))
    }

    /// Checks in this order: transport, form, kind of signature, one reading only, signature, merchant, completeness, status, time,
    /// money. Everything before the signature can be caused by anybody and tells nothing about the key.
    fn read(&self, request: &RawRequest<'_>, now: Millis) -> Result<Notice, Reject> {
        let pairs = form::parse(fields_of(request)?).map_err(|fault| match fault {
            NotForm::Duplicate => Reject::Ambiguous(fault.reason()),
            _ => Reject::Malformed(fault.reason()),
        })?;
        // Without a kind a gateway means MD5, which is another protocol with another key.
        if pairs.get("sign_type") != Some("RSA") {
            return Err(Reject::Malformed("sign_type is not RSA"));
        }
        if let Some(why) = crate::canonical::ambiguity(pairs.iter()) {
            return Err(Reject::Ambiguous(why));
        }
        let given = pairs.get("sign").unwrap_or_default();
        let signed = Signed::of(pairs.iter());
        if !signed.is_signed_by(&self.platform, given) {
            return Err(Reject::BadSignature);
        }
        // One key signs for all merchants of the gateway: what is well signed may well be another one's.
        if signed.get("pid") != Some(self.pid.as_str()) {
            return Err(Reject::OtherMerchant);
        }
        // The reply to a question is signed with the same key and names the same merchant; what it lacks keeps it out.
        let notice = wire::Told::of(&signed).ok_or(Reject::NotANotice)?;
        if notice.trade_status != wire::PAID_STATUS {
            return Ok(Notice::NotPaid);
        }
        // A repetition may carry the time of the first one, so it cannot be refused for ever; and who kept an old one must not be able to
        // use it. The gateway is asked instead.
        if !signed.is_of_now(now) {
            return Ok(Notice::Ask(notice.out_trade_no.to_owned()));
        }
        let minor = money::parse_minor(notice.money, CURRENCY.exponent()).map_err(|_| Reject::Unusable("money"))?;
        if !is_usable(notice.trade_no) {
            return Err(Reject::Unusable("trade_no"));
        }
        Ok(Notice::Paid(Paid {
            out_trade_no: notice.out_trade_no.to_owned(),
            provider_number: notice.trade_no.to_owned(),
            amount: Money { minor, currency: CURRENCY },
            method: signed.get("type").map(str::to_owned),
        }))
    }

    /// Asks `/api/pay/query` about one trade.
    fn state(&self, asked: Asked, call: &Call) -> Step<QueryState> {
        let (field, number) = asked.field();
        let request = self.call("/api/pay/query", vec![(field, number.to_owned())], call);
        let pid = self.pid.clone();
        self.ask(request, call, QueryState::Unknown, move |reply| {
            reply.order_state(&pid, &asked).unwrap_or_else(QueryState::Unknown)
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

    /// By the API where the account is set so and the gateway would take the call. Without a way to pay, or without the buyer's
    /// address, it takes none: then the buyer goes to its page, which asks for the one and sees the other by itself.
    fn create(&self, attempt: &AttemptView<'_>, call: &Call) -> Step<Result<Started, CreateError>> {
        let order = match common::order_fields(&self.pid, attempt) {
            Ok(order) => order,
            Err(error) => return Step::Done(Err(error)),
        };
        match common::buyer_fields(attempt).filter(|_| self.by_api) {
            Some(buyer) => self.made(order, buyer, call),
            None => Step::Done(self.page(order, call).map(Started::shown)),
        }
    }

    fn verify(&self, request: &RawRequest<'_>, now: Millis) -> Result<Notice, Reject> {
        self.read(request, now)
    }

    fn ack(&self, outcome: Outcome) -> Ack {
        ack(outcome)
    }

    /// Asks by the attempt's number. Of two payments for one attempt the gateway tells of the first.
    fn query(&self, attempt: &AttemptRef<'_>, call: &Call) -> Step<QueryState> {
        self.state(Asked::OutTradeNo(attempt.out_trade_no.to_string()), call)
    }

    fn query_number(&self, trade_no: &str, call: &Call) -> Option<Step<QueryState>> {
        if !is_usable(trade_no) {
            // Without a number the gateway would be asked about no trade, and its "not found" would be about none.
            return Some(Step::Done(QueryState::Unknown("no number to ask by")));
        }
        Some(self.state(Asked::TradeNo(trade_no.to_owned()), call))
    }

    /// Asks `/api/pay/close`. Its reply names no trade, so the signature and its time are all that ties it to the question. Refusals are
    /// the upstream provider's words and mean anything: the trade is asked about after each.
    fn close(&self, attempt: &AttemptRef<'_>, call: &Call) -> Option<Step<CloseState>> {
        if !self.closes {
            return None;
        }
        let request = self.call("/api/pay/close", vec![("out_trade_no", attempt.out_trade_no.to_string())], call);
        Some(self.ask(request, call, CloseState::Unknown, |reply| reply.close_state()))
    }

    fn refunds(&self) -> bool {
        true
    }

    /// Posts `/api/pay/refund` with our number of the refund, under which the gateway sends once: a repetition is answered as the first.
    fn refund(&self, refund: &RefundView<'_>, call: &Call) -> Option<Step<RefundState>> {
        if refund.amount.currency != CURRENCY || refund.amount.minor <= 0 {
            return Some(Step::Done(RefundState::Refused("This amount cannot be sent back this way.")));
        }
        if !is_usable(refund.provider_number) {
            return Some(Step::Done(RefundState::Refused("There is no number of a trade to send money back for.")));
        }
        let fields = vec![
            ("money", refund.amount.decimal()),
            ("out_refund_no", refund.refund_no.to_owned()),
            ("trade_no", refund.provider_number.to_owned()),
        ];
        let about = wire::Refund::of(refund);
        let request = self.call("/api/pay/refund", fields, call);
        Some(self.ask(request, call, RefundState::Unknown, move |reply| {
            reply.refund_state(&about).unwrap_or_else(RefundState::Unknown)
        }))
    }

    fn refund_query(&self, refund: &RefundView<'_>, call: &Call) -> Option<Step<RefundState>> {
        let about = wire::Refund::of(refund);
        let fields = vec![("out_refund_no", refund.refund_no.to_owned())];
        let request = self.call("/api/pay/refundquery", fields, call);
        Some(self.ask(request, call, RefundState::Unknown, move |reply| {
            reply.refund_found(&about).unwrap_or_else(RefundState::Unknown)
        }))
    }

    /// Asks `/api/merchant/info`, whose reply is signed: both keys are tried at once.
    fn probe(&self, call: &Call) -> Step<Probe> {
        let pid = self.pid.clone();
        let request = self.call("/api/merchant/info", Vec::new(), call);
        self.ask(request, call, Probe::Unknown, move |reply| reply.merchant(&pid))
    }
}
