//! 易支付 (epay, 彩虹易支付), protocol v1 with MD5 signatures.
//!
//! The buyer is redirected to the gateway's page. The gateway reports with a GET, signed over everything it sends. Its
//! signature has no time and no nonce, so a notification can be replayed for ever: idempotency is the caller's defence.
//! Source: source code and PHP kit of 彩虹易支付 v3096; forks differ in what [`Options`] names.

mod wire;

use crate::canonical::{self, Case, Family, Tail};
use crate::form::{self, NotForm};
use crate::{
    Ack, AttemptView, CreateError, Created, Description, HttpReply, HttpRequest, Notice, Outcome, Paid, QueryState,
    RawRequest, RefundState, Reject, Secret, Step,
};
use domain::limits::{BODY_MAX, PROVIDER_NUMBER_MAX};
use domain::{Currency, Money, OutTradeNo, money};
use wire::Asked;

/// 易支付 knows yuan only and names no currency in its messages.
pub(crate) const CURRENCY: Currency = Currency::CNY;

/// A gateway's page has no end that a shop could set, and v1 cannot close a trade: gateways themselves drop an unpaid one
/// after about a day, so money may come that long after the order gave its stock back.
const PAYABLE_AFTER_MS: i64 = 24 * 3_600_000;

pub(crate) const DESCRIPTION: Description = Description {
    kind: "epay_v1",
    create_is_pure: true,
    closes: false,
    refunds: true,
    payable_after_ms: PAYABLE_AFTER_MS,
};

/// Bytes of a product name. The gateway cuts at 127, and a name cut there and signed here would differ.
const NAME_MAX: usize = 127;

/// What a product is called when nothing of its name survives cleaning.
const NAME_FALLBACK: &str = "product";

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
}

impl Account {
    /// Checks the settings. Slashes at the end of the address are dropped: people paste it both ways.
    pub fn new(base_url: &str, pid: &str, key: Secret, options: Options) -> Result<Account, BadAccount> {
        let base_url = base_url.trim_end_matches('/');
        let host = host(base_url).ok_or(BadAccount::BaseUrl)?;
        let loopback = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        if !base_url.starts_with("https://") && !loopback && !options.allow_http {
            return Err(BadAccount::BaseUrl);
        }
        let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(1..=32).contains(&pid.len()) || !pid.bytes().all(letter) {
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
        Ok(Account { base_url: base_url.to_owned(), pid: pid.to_owned(), key, family, refund: options.refund })
    }

    /// The address of the gateway's page for this attempt. Signed over exactly the text that is sent.
    pub(crate) fn create(&self, attempt: &AttemptView<'_>) -> Result<Created, CreateError> {
        if attempt.amount.currency != CURRENCY {
            return Err(CreateError::Currency(attempt.amount.currency));
        }
        if attempt.amount.minor <= 0 {
            return Err(CreateError::Amount);
        }
        for (field, url) in [("notify_url", attempt.notify_url), ("return_url", attempt.return_url)] {
            host(url).ok_or(CreateError::Address(field))?;
        }
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        let method = attempt.method.unwrap_or_default();
        if method.len() > 20 || !method.bytes().all(word) {
            return Err(CreateError::Method);
        }
        let name = clean_name(attempt.product_name);
        let number = attempt.out_trade_no.to_string();
        let money = attempt.amount.decimal();
        let mut fields = vec![
            ("money", money.as_str()),
            ("name", name.as_str()),
            ("notify_url", attempt.notify_url),
            ("out_trade_no", number.as_str()),
            ("pid", self.pid.as_str()),
            ("return_url", attempt.return_url),
        ];
        // Without a type the gateway shows its own cashier.
        if !method.is_empty() {
            fields.push(("type", method));
        }
        let sign = self.family.md5(fields.iter().copied(), self.key.expose());
        fields.extend([("sign", sign.as_str()), ("sign_type", "MD5")]);
        Ok(Created::Redirect(format!("{}/submit.php?{}", self.base_url, form::write(fields))))
    }

    /// Checks in this order: transport, form, one reading only, signature, merchant, completeness, status, money.
    /// Everything before the signature can be caused by anybody and tells nothing about the key.
    pub(crate) fn verify(&self, request: &RawRequest<'_>) -> Result<Notice, Reject> {
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

    /// Asks by the attempt's number. Of two payments for one attempt the gateway tells of the first.
    pub(crate) fn query(&self, out_trade_no: &OutTradeNo) -> Step<QueryState> {
        self.ask(Asked::OutTradeNo(out_trade_no.to_string()))
    }

    /// Asks by the gateway's own number.
    pub(crate) fn query_number(&self, trade_no: &str) -> Step<QueryState> {
        if !wire::is_usable(trade_no) {
            // Without a number the gateway would be asked about no trade, and its "not found" would be about none.
            return Step::Done(QueryState::Unknown("no number to ask by"));
        }
        self.ask(Asked::TradeNo(trade_no.to_owned()))
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
    pub(crate) fn refund(&self, trade_no: &str, amount: Money) -> Option<Step<RefundState>> {
        let success = self.refund?.to_string();
        if amount.currency != CURRENCY || amount.minor <= 0 {
            return Some(Step::Done(RefundState::Refused("This amount cannot be sent back this way.")));
        }
        if !wire::is_usable(trade_no) {
            return Some(Step::Done(RefundState::Refused("There is no number of a trade to send money back for.")));
        }
        let money = amount.decimal();
        let fields =
            [("pid", self.pid.as_str()), ("key", self.key.expose()), ("trade_no", trade_no), ("money", &money)];
        let mut headers = json_headers().to_vec();
        headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
        let request = HttpRequest {
            method: "POST",
            url: format!("{}/api.php?act=refund", self.base_url),
            headers,
            body: form::write(fields).into_bytes(),
        };
        let next = move |reply: Option<HttpReply>| {
            Step::Done(match reply {
                Some(reply) => wire::refund_state(&reply, &success).unwrap_or_else(RefundState::Unknown),
                None => RefundState::Unknown("no reply"),
            })
        };
        Some(Step::Send(request, Box::new(next)))
    }
}

/// What every call of `api.php` sends: the reply is JSON, and is read as it comes.
fn json_headers() -> [(String, String); 2] {
    [("accept", "application/json"), ("accept-encoding", "identity")].map(|(n, v)| (n.to_owned(), v.to_owned()))
}

/// The gateway looks for the word in the body and ignores the rest; the status is for everybody else.
pub(crate) fn ack(outcome: Outcome) -> Ack {
    let (status, body) = match outcome {
        Outcome::Accepted => (200, "success"),
        Outcome::Rejected => (400, "fail"),
        Outcome::TryAgain => (503, "fail"),
    };
    Ack { status, content_type: "text/plain", body }
}

/// The bytes that hold the fields: the query of a GET, or the body of a form POST as some forks send it. A request that
/// has both is refused, because two readers could disagree on which counts.
fn fields_of<'a>(request: &RawRequest<'a>) -> Result<&'a [u8], Reject> {
    let (fields, other) = match request.method {
        "GET" => (request.query.as_bytes(), request.body),
        "POST" => (request.body, request.query.as_bytes()),
        _ => return Err(Reject::Malformed("neither GET nor POST")),
    };
    if !other.is_empty() {
        return Err(Reject::Ambiguous("both a query and a body"));
    }
    let is_form = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    };
    if request.method == "POST" && !request.header("content-type").is_some_and(is_form) {
        return Err(Reject::Malformed("the body is not a form"));
    }
    if fields.len() > BODY_MAX {
        return Err(Reject::Malformed("too long"));
    }
    Ok(fields)
}

/// The host of a plain address: `http(s)://host[:port][/path]` of characters that need no escape and can cut no signed
/// text. No user name, no query, no fragment. 易支付 would append its fields to a query of ours, and then sign ours too.
fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]".contains(&b);
    let authority = rest.split('/').next().unwrap_or_default();
    let end = authority.rfind(']').map(|at| at + 1).or_else(|| authority.find(':')).unwrap_or(authority.len());
    let (host, port) = authority.split_at_checked(end)?;
    let port_is_number = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    (!host.is_empty() && port_is_number && rest.bytes().all(plain)).then_some(host)
}

/// A product name that survives every gateway unchanged, so that what was signed is what is verified.
///
/// Replaced by a space: `&` and `=`, which could cut the signed text; `+` and `%`, which a second decoding would change;
/// quotes, backslashes and angle brackets, which PHP gateways escape or strip before they verify; control characters;
/// and characters beyond the basic plane, which three-byte UTF-8 columns of MySQL refuse.
fn clean_name(name: &str) -> String {
    let spoils = |c: char| c.is_control() || "&=+%'\"\\<>`".contains(c) || c > '\u{FFFF}';
    let spaced: String = name.chars().map(|c| if spoils(c) { ' ' } else { c }).collect();
    let mut clean = spaced.split_whitespace().collect::<Vec<_>>().join(" ");
    while clean.len() > NAME_MAX {
        clean.pop();
    }
    clean.truncate(clean.trim_end().len());
    if clean.is_empty() { NAME_FALLBACK.to_owned() } else { clean }
}
