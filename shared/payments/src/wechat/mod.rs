//! WeChat Pay (微信支付), API v3, for merchants who sell in their own name.
//!
//! Every request is signed with the merchant's key. Replies and notifications are signed with WeChat Pay's, over their time, a nonce and
//! the bytes of the body; what a notification reports is encrypted besides. Source: the documents at pay.weixin.qq.com and the providers'
//! own kits wechatpay-go, wechatpay-java and wechatpay-php.
//!
//! **What is signed.** WeChat Pay's documents promise a signature on a reply once the signature of the request was found right. So
//! every answer about a trade is signed, errors too, and one that is not is nobody's ([`QueryState::Unknown`] and its like). One reply
//! cannot be signed: 401 `SIGN_ERROR` to a merchant who was not recognised, because each merchant is answered with a key of his choice. It
//! may stop an attempt before it begins and fail a trial of the settings; it says nothing about a trade, a closing or a refund.

mod address;
mod certificates;
mod create;
mod notice;
mod platform;
pub mod resource;
mod settings;
mod wire;

pub use certificates::{PlatformCertificate, certificates};

use crate::rsa::SigningKey;
use crate::{
    Ack, AttemptRef, AttemptView, BadSetting, Call, CloseState, Codec, CreateError, Field, HttpReply, HttpRequest,
    Kind, Notice, Outcome, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Secret, Settings, Started,
    Step,
};
use create::Product;
use domain::{Currency, Millis};
use platform::{Platform, Unproven};
use serde_json::json;
use wire::{Asked, Said};

/// Merchants of the mainland are paid in yuan.
const CURRENCY: Currency = Currency::CNY;

/// Every trade is made with an end (`time_expire`), but never one nearer than five minutes, which WeChat Pay refuses; and who began to pay
/// before it may finish.
const PAYABLE_AFTER_MS: i64 = 10 * 60_000;

/// Reached at this address unless a seller sets another.
const BASE_URL: &str = "https://api.mch.weixin.qq.com";

/// WeChat Pay refuses requests that do not say who asks.
const USER_AGENT: &str = concat!("kamivend/", env!("CARGO_PKG_VERSION"));

/// WeChat Pay, API v3.
pub static KIND: Kind = Kind {
    name: "wechat",
    methods: &["wxpay"],
    asks_to_create: true,
    closes: true,
    refunds: true,
    refund_repeats: true,
    payable_after_ms: PAYABLE_AFTER_MS,
    fields: &[
        field(
            "mchid",
            true,
            false,
            [
                "The merchant number (mchid), digits; top of the merchant platform",
                "商户号（mchid），纯数字，见商户平台首页",
            ],
        ),
        field(
            "appid",
            true,
            false,
            ["The AppID bound to it, wx…; AppID accounts", "绑定的 AppID（wx 开头），见“产品中心 → AppID账号管理”"],
        ),
        field(
            "private_key",
            true,
            true,
            [
                "The merchant's private key: the text of apiclient_key.pem",
                "商户API私钥：apiclient_key.pem 文件的全部内容",
            ],
        ),
        field(
            "certificate",
            false,
            false,
            [
                "The merchant's certificate: the text of apiclient_cert.pem; or its serial number below",
                "商户API证书：apiclient_cert.pem 文件的全部内容；也可只填下面的证书序列号",
            ],
        ),
        field(
            "serial_no",
            false,
            false,
            [
                "The serial number of the merchant's certificate; API security",
                "商户API证书序列号，见“账户中心 → API安全”",
            ],
        ),
        field(
            "api_v3_key",
            true,
            true,
            ["The APIv3 key, 32 characters; API security", "APIv3密钥，32 个字符，见“账户中心 → API安全”"],
        ),
        field(
            "platform_key_id",
            false,
            false,
            [
                "The id of WeChat Pay's public key: PUB_KEY_ID_…; API security",
                "微信支付公钥ID：PUB_KEY_ID_ 开头，见“API安全”",
            ],
        ),
        field(
            "platform_key",
            false,
            false,
            ["WeChat Pay's public key: the text of pub_key.pem", "微信支付公钥：pub_key.pem 文件的全部内容"],
        ),
        field(
            "platform_certificates",
            false,
            false,
            [
                "WeChat Pay's platform certificates, one after another; for accounts that have no public key yet, or are changing to it",
                "微信支付平台证书（可多份，依次粘贴）；没有微信支付公钥或正在切换时填写",
            ],
        ),
        field(
            "products",
            false,
            false,
            [
                "What the account is signed for: native, h5, jsapi with commas between; empty for native alone",
                "已开通的产品：native、h5、jsapi，用逗号分隔；留空为 native",
            ],
        ),
        field(
            "base_url",
            false,
            false,
            ["Another address of the API; empty for WeChat Pay's own", "接口地址；留空使用微信支付官方地址"],
        ),
    ],
    open: settings::open,
};

/// A setting of free text.
const fn field(name: &'static str, required: bool, secret: bool, label: [&'static str; 2]) -> Field {
    Field { name, secret, required, choices: &[], label }
}

/// The nonce of a call, in capitals as WeChat Pay's own examples have it.
fn nonce(call: &Call) -> String {
    call.nonce_hex().to_ascii_uppercase()
}

/// Who asks: the merchant's half of the settings.
#[derive(Clone, Debug)]
struct Merchant {
    /// `https://host[:port]`, without a slash at the end.
    base_url: String,
    appid: String,
    mchid: String,
    key: SigningKey,
    /// The number of the merchant's certificate in capital hexadecimal digits.
    serial: String,
    /// 32 bytes that notifications and certificates are encrypted with.
    api_key: Secret,
}

impl Merchant {
    /// A request with its signature. `path`: what follows the host, with the query, to the letter as it is signed. `None` when the system
    /// gives no random bytes to sign with.
    fn request(&self, method: &'static str, path: &str, body: String, call: &Call) -> Option<HttpRequest> {
        let seconds = call.now.div_euclid(1_000);
        let nonce = nonce(call);
        let signed = format!("{method}\n{path}\n{seconds}\n{nonce}\n{body}\n");
        let signature = self.key.sign(signed.as_bytes())?;
        let authorization = format!(
            "WECHATPAY2-SHA256-RSA2048 mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{seconds}\",serial_no=\"{}\"",
            self.mchid, self.serial
        );
        let headers = [
            ("authorization", authorization.as_str()),
            ("accept", "application/json"),
            ("accept-encoding", "identity"),
            ("content-type", "application/json"),
            ("user-agent", USER_AGENT),
        ];
        Some(HttpRequest {
            method,
            url: format!("{}{path}", self.base_url),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: body.into_bytes(),
        })
    }
}

/// An account at WeChat Pay.
#[derive(Clone, Debug)]
pub struct Account {
    merchant: Merchant,
    platform: Platform,
    products: Vec<Product>,
}

impl Account {
    /// Checks the settings. What they are is in [`KIND`].
    pub fn new(settings: &Settings) -> Result<Account, BadSetting> {
        settings::account(settings)
    }

    /// Sends a signed request and has the reply read once its signature was checked.
    fn ask<T: 'static>(
        &self,
        (method, path): (&'static str, &str),
        body: String,
        call: &Call,
        read: impl FnOnce(Result<Said<'_>, Unproven>) -> T + Send + 'static,
    ) -> Step<T> {
        let Some(mut request) = self.merchant.request(method, path, body, call) else {
            return Step::Done(read(Err(Unproven::NotSent)));
        };
        // WeChat Pay signs its reply with the key that is named here, and else with a certificate's.
        if let Some(id) = self.platform.preferred() {
            request.headers.push(("wechatpay-serial".to_owned(), id.to_owned()));
        }
        let (platform, now) = (self.platform.clone(), call.now);
        let next = move |reply: Option<HttpReply>| {
            let heard = reply.as_ref().ok_or(Unproven::NoReply).and_then(|reply| platform.hear(reply, now));
            Step::Done(read(heard))
        };
        Step::Send(request, Box::new(next))
    }

    fn ask_about(&self, asked: Asked, call: &Call) -> Step<QueryState> {
        let path = format!("/v3/pay/transactions/{}?mchid={}", asked.path(), self.merchant.mchid);
        let (appid, mchid) = (self.merchant.appid.clone(), self.merchant.mchid.clone());
        self.ask(("GET", &path), String::new(), call, move |heard| {
            let state = heard.map_err(Unproven::why).and_then(|said| wire::state(&said, &appid, &mchid, &asked));
            state.unwrap_or_else(QueryState::Unknown)
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
        self.start(attempt, call)
    }

    fn verify(&self, request: &RawRequest<'_>, now: Millis) -> Result<Notice, Reject> {
        self.read(request, now)
    }

    /// WeChat Pay looks at the status alone; the body of a refusal is as its documents have it, and says no more than they ask for.
    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, content_type, body) = match outcome {
            Outcome::Accepted => (204, "text/plain", ""),
            Outcome::Rejected => (400, "application/json", r#"{"code":"FAIL","message":"rejected"}"#),
            Outcome::TryAgain => (503, "application/json", r#"{"code":"FAIL","message":"try again"}"#),
        };
        Ack { status, content_type, body }
    }

    fn query(&self, attempt: &AttemptRef<'_>, call: &Call) -> Step<QueryState> {
        self.ask_about(Asked::OutTradeNo(attempt.out_trade_no.to_string()), call)
    }

    fn query_number(&self, provider_number: &str, call: &Call) -> Option<Step<QueryState>> {
        if !wire::is_transaction_id(provider_number) {
            // It becomes part of the path, where a slash or a question mark would ask about something else.
            return Some(Step::Done(QueryState::Unknown("no number to ask by")));
        }
        Some(self.ask_about(Asked::TransactionId(provider_number.to_owned()), call))
    }

    fn close(&self, attempt: &AttemptRef<'_>, call: &Call) -> Option<Step<CloseState>> {
        let path = format!("/v3/pay/transactions/out-trade-no/{}/close", attempt.out_trade_no);
        let body = json!({ "mchid": self.merchant.mchid }).to_string();
        Some(self.ask(("POST", &path), body, call, |heard| {
            heard.map_err(Unproven::why).and_then(|said| wire::closed(&said)).unwrap_or_else(CloseState::Unknown)
        }))
    }

    fn refunds(&self) -> bool {
        true
    }

    /// The money of a trade goes back in as many parts as there are refund numbers, and of one number once.
    fn refund(&self, refund: &RefundView<'_>, call: &Call) -> Option<Step<RefundState>> {
        let money = [refund.amount, refund.paid];
        let fits = refund.amount.minor > 0 && refund.amount.minor <= refund.paid.minor;
        if !fits || money.iter().any(|money| money.currency != CURRENCY) {
            return Some(Step::Done(RefundState::Refused("This amount cannot be sent back this way.")));
        }
        if !wire::is_transaction_id(refund.provider_number) || !wire::is_refund_no(refund.refund_no) {
            return Some(Step::Done(RefundState::Refused("There is no number of a trade to send money back for.")));
        }
        let body = json!({
            "transaction_id": refund.provider_number,
            "out_refund_no": refund.refund_no,
            "amount": { "refund": refund.amount.minor, "total": refund.paid.minor, "currency": CURRENCY.code() },
        });
        let expected = wire::Refund::of(refund);
        Some(self.ask(("POST", "/v3/refund/domestic/refunds"), body.to_string(), call, move |heard| {
            let state = heard.map_err(Unproven::why).and_then(|said| wire::refunded(&said, &expected));
            state.unwrap_or_else(RefundState::Unknown)
        }))
    }

    /// A refund that is not known there is [`RefundState::Unknown`]: the request for it may still be on its way, and asking again for the
    /// same one is safe.
    fn refund_query(&self, refund: &RefundView<'_>, call: &Call) -> Option<Step<RefundState>> {
        if !wire::is_refund_no(refund.refund_no) {
            return Some(Step::Done(RefundState::Unknown("no number to ask by")));
        }
        let path = format!("/v3/refund/domestic/refunds/{}", refund.refund_no);
        let expected = wire::Refund::of(refund);
        Some(self.ask(("GET", &path), String::new(), call, move |heard| {
            let state = heard.map_err(Unproven::why).and_then(|said| wire::refund_state(&said, &expected));
            state.unwrap_or_else(RefundState::Unknown)
        }))
    }

    /// Asks about a trade that nobody made. Its number is the call's own chance.
    fn probe(&self, call: &Call) -> Step<Probe> {
        let path = format!("/v3/pay/transactions/out-trade-no/{}?mchid={}", nonce(call), self.merchant.mchid);
        self.ask(("GET", &path), String::new(), call, wire::tried)
    }
}
