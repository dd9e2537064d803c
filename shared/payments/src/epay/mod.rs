//! 易支付 (epay, 彩虹易支付), protocol v1 with MD5 signatures.
//!
//! The buyer is redirected to the gateway's page. The gateway reports with a GET, signed over everything it sends. Its
//! signature has no time and no nonce, so a notification can be replayed for ever: idempotency is the caller's defence.
//! Source: source code and PHP kit of 彩虹易支付 v3096; forks differ in what [`Options`] names.

pub(crate) mod common;
pub(crate) mod refusals;
mod wire;

use crate::canonical::{self, Case, Family, Tail};
use crate::form::{self, NotForm};
use crate::{
    Ack, AttemptRef, AttemptView, BadSetting, Call, Channel, Codec, CreateError, Created, Device, Field, HttpReply,
    HttpRequest, Kind, Notice, Outcome, Paid, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Secret,
    Settings, Started, Step,
};
use common::{CURRENCY, Fields, PAYABLE_AFTER_MS, ack, borrowed, fields_of, is_usable, json_headers};
use domain::limits::PROVIDER_NUMBER_MAX;
use domain::{Currency, Millis, Money, money};
use wire::Asked;

/// 易支付 v1.
pub static KIND: Kind = Kind {
    name: "epay_v1",
    methods: &["alipay", "wxpay", "qqpay", "bank"],
    asks_to_create: false,
    closes: false,
    refunds: true,
    refund_repeats: false,
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
            name: "key",
            secret: true,
            required: true,
            choices: &[],
            label: ["The merchant key", "商户密钥（key）"],
        },
        Field {
            name: "refund_code",
            secret: false,
            required: false,
            choices: &["0", "1"],
            label: [
                "What its refund call answers on success; empty without a refund call",
                "退款接口成功时返回的 code；没有退款接口则留空",
            ],
        },
        Field {
            name: "key_separator",
            secret: false,
            required: false,
            choices: &["true", "false"],
            label: ["Whether this fork signs with &key= before the key", "签名时密钥前是否加 &key="],
        },
        Field {
            name: "create",
            secret: false,
            required: false,
            choices: &["page", "api"],
            label: [
                "How an order is made: by the gateway's page (page), or by its API (mapi.php), which gives a code to scan (api)",
                "下单方式：page 跳转网关页面；api 调用 mapi.php 接口，直接得到付款码",
            ],
        },
    ],
    open,
};

/// An account of settings.
fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    let refund = match settings.get("refund_code") {
        None => None,
        Some(code) => {
            let bad = BadSetting { field: "refund_code", why: BadAccount::RefundCode.public_message() };
            Some(code.parse::<i64>().map_err(|_| bad)?)
        }
    };
    let key = settings.required("key")?;
    // What people paste by mistake: a key with a line end inside, and the keys of the other protocol.
    if key.contains(char::is_whitespace) || key.len() > KEY_MAX {
        let why = match key.len() > KEY_MAX {
            true => "This is no key of v1 (MD5), which has some 32 letters: for RSA keys choose the kind epay_v2.",
            false => "The merchant key holds white space.",
        };
        return Err(BadSetting { field: "key", why });
    }
    let base_url = settings.required("base_url")?;
    if common::is_a_call(base_url) {
        return Err(BadSetting { field: "base_url", why: ADDRESS_OF_A_CALL });
    }
    let by_api = by_api(settings)?;
    let options = Options { key_separator: settings.flag("key_separator")?, allow_http: false, refund };
    let account = Account::new(base_url, settings.required("pid")?, Secret::new(key.to_owned()), options);
    let account = account.map_err(|bad| BadSetting { field: bad.field(), why: bad.public_message() })?;
    Ok(Channel::new(Account { by_api, ..account }))
}

/// Bytes of a merchant's key; it has 32 letters in 彩虹易支付.
const KEY_MAX: usize = 128;

/// What a seller is told who pasted the address of one call instead of what all of them begin with.
pub(crate) const ADDRESS_OF_A_CALL: &str =
    "This is the address of one of the gateway's calls: leave out submit.php, mapi.php or /api/pay and what follows.";

/// Whether orders are made by the gateway's API instead of by its page.
pub(crate) fn by_api(settings: &Settings) -> Result<bool, BadSetting> {
    match settings.get("create") {
        None | Some("page") => Ok(false),
        Some("api") => Ok(true),
        Some(_) => Err(BadSetting { field: "create", why: "It is neither page nor api." }),
    }
}

/// In what the forks of 易支付 differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The key is joined as `&key=KEY` instead of directly. Off in 彩虹易支付 itself.
    pub key_separator: bool,
    /// Allows a gateway without TLS beyond loopback. The key travels in the query's address and the reply is not signed,
    /// so this is for a gateway on one's own network and nothing else.
    pub allow_http: bool,
    /// The `code` by which this gateway says that a refund succeeded: 0 in 彩虹易支付, 1 in older ones and some forks.
    /// `None` when the account has no refund call. Never guessed, because what is success to one is a refusal to another.
    pub refund: Option<i64>,
}

/// Why settings do not make an account. Neither message holds the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadAccount {
    /// Not `https://host[:port][/path]`, and not `http://` where that is allowed.
    BaseUrl,
    /// Not `[A-Za-z0-9_-]{1,32}`.
    Pid,
    /// Empty. Anybody can sign with an empty key.
    Key,
    /// Below zero, where every refusal of 易支付 lies: a refusal would count as money that went back.
    RefundCode,
}

impl BadAccount {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            BadAccount::BaseUrl => "epay_base_url",
            BadAccount::Pid => "epay_pid",
            BadAccount::Key => "epay_key",
            BadAccount::RefundCode => "epay_refund_code",
        }
    }

    /// The setting it is about.
    pub fn field(&self) -> &'static str {
        match self {
            BadAccount::BaseUrl => "base_url",
            BadAccount::Pid => "pid",
            BadAccount::Key => "key",
            BadAccount::RefundCode => "refund_code",
        }
    }

    /// What the seller may read, and the log as well.
    pub fn public_message(&self) -> &'static str {
        match self {
            BadAccount::BaseUrl => "The gateway's address must be https://host, with nothing after the path.",
            BadAccount::Pid => "The merchant number must be 1 to 32 letters, digits, - or _.",
            BadAccount::Key => "The merchant key must not be empty.",
            BadAccount::RefundCode => "The code of a good refund must not be below zero; it is 0 or 1.",
        }
    }
}

/// A merchant's account at one gateway.
#[derive(Clone, Debug)]
pub struct Account {
    base_url: String,
    pid: String,
    key: Secret,
    family: Family,
    refund: Option<i64>,
    by_api: bool,
}

impl Account {
    /// Checks the settings. Slashes at the end of the address are dropped: people paste it both ways.
    pub fn new(base_url: &str, pid: &str, key: Secret, options: Options) -> Result<Account, BadAccount> {
        let base_url = common::gateway(base_url, options.allow_http).ok_or(BadAccount::BaseUrl)?;
        if !common::is_pid(pid) {
            return Err(BadAccount::Pid);
        }
        if key.expose().is_empty() {
            return Err(BadAccount::Key);
        }
        if options.refund.is_some_and(|code| code < 0) {
            return Err(BadAccount::RefundCode);
        }
        let tail = if options.key_separator { Tail::AndKey } else { Tail::Key };
        let family = Family { drop: &["sign", "sign_type"], tail, case: Case::Lower };
        Ok(Account { base_url, pid: pid.to_owned(), key, family, refund: options.refund, by_api: false })
    }

    /// The fields with their signature, over exactly the text that is sent.
    fn signed(&self, mut fields: Fields) -> Fields {
        let sign = self.family.md5(borrowed(&fields), self.key.expose());
        fields.extend([("sign", sign), ("sign_type", "MD5".to_owned())]);
        fields
    }

    /// The address of the gateway's page for this attempt.
    fn page(&self, order: Fields) -> Created {
        let fields = self.signed(order);
        Created::Redirect(format!("{}/submit.php?{}", self.base_url, form::write(borrowed(&fields))))
    }

    /// Posts `mapi.php`, which makes the trade at once and says how it is paid. The reply is not signed and names neither merchant nor
    /// amount, so TLS alone vouches for it; a forged one could lead the buyer astray and book nothing.
    fn made(&self, mut order: Fields, buyer: Fields, on_screen: bool) -> Step<Result<Started, CreateError>> {
        order.extend(buyer);
        let fields = self.signed(order);
        let request = common::post(format!("{}/mapi.php", self.base_url), borrowed(&fields));
        let base_url = self.base_url.clone();
        let next = move |reply: Option<HttpReply>| {
            Step::Done(match reply {
                Some(reply) => wire::made(&reply, &base_url, on_screen),
                None => Err(CreateError::Unknown("no reply")),
            })
        };
        Step::Send(request, Box::new(next))
    }

    /// Checks in this order: transport, form, one reading only, signature, merchant, completeness, status, money.
    /// Everything before the signature can be caused by anybody and tells nothing about the key.
    fn read(&self, request: &RawRequest<'_>) -> Result<Notice, Reject> {
        let pairs = form::parse(fields_of(request)?).map_err(|fault| match fault {
            NotForm::Duplicate => Reject::Ambiguous(fault.reason()),
            _ => Reject::Malformed(fault.reason()),
        })?;
        // Another algorithm is another protocol with another key, so a signature that fits by accident proves nothing.
        if !pairs.get("sign_type").is_none_or(|kind| kind.eq_ignore_ascii_case("MD5")) {
            return Err(Reject::Malformed("sign_type is not MD5"));
        }
        if let Some(why) = canonical::ambiguity(pairs.iter()) {
            return Err(Reject::Ambiguous(why));
        }
        let given = pairs.get("sign").unwrap_or_default();
        if !self.family.verifies_md5(pairs.iter(), self.key.expose(), given) {
            return Err(Reject::BadSignature);
        }
        if pairs.get("pid") != Some(self.pid.as_str()) {
            return Err(Reject::OtherMerchant);
        }
        // Our own pay form is signed with the same key, and anybody can read it; what it lacks keeps it out.
        let notice = wire::Notice::of(&pairs).ok_or(Reject::NotANotice)?;
        if notice.trade_status != wire::PAID_STATUS {
            return Ok(Notice::NotPaid);
        }
        let minor = money::parse_minor(notice.money, CURRENCY.exponent()).map_err(|_| Reject::Unusable("money"))?;
        if notice.trade_no.len() > PROVIDER_NUMBER_MAX {
            return Err(Reject::Unusable("trade_no"));
        }
        Ok(Notice::Paid(Paid {
            out_trade_no: notice.out_trade_no.to_owned(),
            provider_number: notice.trade_no.to_owned(),
            amount: Money { minor, currency: CURRENCY },
            method: pairs.filled("type").map(str::to_owned),
        }))
    }

    /// Asks `api.php?act=order`. The merchant's key is in the address, and the reply is not signed, so the reply counts
    /// only when it names our merchant and the very number asked for.
    fn ask(&self, asked: Asked) -> Step<QueryState> {
        let (field, number) = asked.field();
        let fields = [("act", "order"), ("pid", &self.pid), ("key", self.key.expose()), (field, number)];
        let request = HttpRequest {
            method: "GET",
            url: format!("{}/api.php?{}", self.base_url, form::write(fields)),
            headers: json_headers().to_vec(),
            body: Vec::new(),
        };
        let pid = self.pid.clone();
        Step::Send(
            request,
            Box::new(move |reply| {
                Step::Done(match reply {
                    Some(reply) => wire::order_state(&reply, &pid, &asked).unwrap_or_else(QueryState::Unknown),
                    None => QueryState::Unknown("no reply"),
                })
            }),
        )
    }

    /// Posts `api.php?act=refund`. v1 has no number for a refund, so the gateway cannot tell a repetition from a second
    /// one: only where the whole amount goes back does it refuse the repetition, as more than is left.
    fn send_back(&self, trade_no: &str, amount: Money) -> Option<Step<RefundState>> {
        let success = self.refund?.to_string();
        if amount.currency != CURRENCY || amount.minor <= 0 {
            return Some(Step::Done(RefundState::Refused("This amount cannot be sent back this way.")));
        }
        if !is_usable(trade_no) {
            return Some(Step::Done(RefundState::Refused("There is no number of a trade to send money back for.")));
        }
        let money = amount.decimal();
        let fields =
            [("pid", self.pid.as_str()), ("key", self.key.expose()), ("trade_no", trade_no), ("money", &money)];
        let request = common::post(format!("{}/api.php?act=refund", self.base_url), fields);
        let next = move |reply: Option<HttpReply>| {
            Step::Done(match reply {
                Some(reply) => wire::refund_state(&reply, &success).unwrap_or_else(RefundState::Unknown),
                None => RefundState::Unknown("no reply"),
            })
        };
        Some(Step::Send(request, Box::new(next)))
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
    fn create(&self, attempt: &AttemptView<'_>, _: &Call) -> Step<Result<Started, CreateError>> {
        let order = match common::order_fields(&self.pid, attempt) {
            Ok(order) => order,
            Err(error) => return Step::Done(Err(error)),
        };
        match common::buyer_fields(attempt).filter(|_| self.by_api) {
            Some(buyer) => self.made(order, buyer, attempt.device == Device::Desktop),
            None => Step::Done(Ok(Started::shown(self.page(order)))),
        }
    }

    fn verify(&self, request: &RawRequest<'_>, _: Millis) -> Result<Notice, Reject> {
        self.read(request)
    }

    fn ack(&self, outcome: Outcome) -> Ack {
        ack(outcome)
    }

    /// Asks by the attempt's number. Of two payments for one attempt the gateway tells of the first.
    fn query(&self, attempt: &AttemptRef<'_>, _: &Call) -> Step<QueryState> {
        self.ask(Asked::OutTradeNo(attempt.out_trade_no.to_string()))
    }

    fn query_number(&self, trade_no: &str, _: &Call) -> Option<Step<QueryState>> {
        if !is_usable(trade_no) {
            // Without a number the gateway would be asked about no trade, and its "not found" would be about none.
            return Some(Step::Done(QueryState::Unknown("no number to ask by")));
        }
        Some(self.ask(Asked::TradeNo(trade_no.to_owned())))
    }

    fn refunds(&self) -> bool {
        self.refund.is_some()
    }

    fn refund(&self, refund: &RefundView<'_>, _: &Call) -> Option<Step<RefundState>> {
        self.send_back(refund.provider_number, refund.amount)
    }

    /// Asks `api.php?act=query`, which names the merchant.
    fn probe(&self, _: &Call) -> Step<Probe> {
        let fields = [("act", "query"), ("pid", &self.pid), ("key", self.key.expose())];
        let request = HttpRequest {
            method: "GET",
            url: format!("{}/api.php?{}", self.base_url, form::write(fields)),
            headers: json_headers().to_vec(),
            body: Vec::new(),
        };
        let pid = self.pid.clone();
        let next = move |reply: Option<HttpReply>| {
            Step::Done(match reply {
                Some(reply) => wire::merchant(&reply, &pid).unwrap_or_else(Probe::Unknown),
                None => Probe::Unknown("no reply"),
            })
        };
        Step::Send(request, Box::new(next))
    }
}
