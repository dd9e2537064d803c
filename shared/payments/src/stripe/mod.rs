//! Stripe Checkout: a page of Stripe on which the buyer pays by card.
//!
//! An attempt is a Checkout Session, made with the attempt's number as idempotency key and found again by its id. Replies are not
//! signed; they are worth what TLS is worth, and count only when they name the session, the attempt and the mode of our key.
//! Notifications are signed over their bytes. Source: <https://docs.stripe.com/api>, of the version in [`VERSION`].

pub mod signature;
mod units;
mod wire;

use crate::json::{Fields, object, object_of};
use crate::{
    Ack, AttemptRef, AttemptView, BadSetting, Call, Channel, CloseState, Codec, CreateError, Created, Field, HttpReply,
    HttpRequest, Kind, Notice, Outcome, Paid, Probe, QueryState, RawRequest, RefundState, RefundView, Reject, Secret,
    Settings, Started, Step, base_url, form,
};
use domain::limits::BODY_MAX;
use domain::{Currency, Millis};
use wire::{Fault, Thing, Wanted, fault_of};

/// The version of Stripe's API that this is written for. Without the header an account answers in the version of the day it was made.
/// From this one on a session keeps our currency whatever the buyer's bank counts in.
/// Source: <https://docs.stripe.com/changelog/basil>.
pub const VERSION: &str = "2025-03-31.basil";

/// Stripe's own address.
const OFFICIAL: &str = "https://api.stripe.com";

/// A session lives for half an hour at the least and a day at the most.
const LIFE_S: std::ops::RangeInclusive<i64> = 30 * 60..=24 * 3_600;

/// How far Stripe's clock may be from ours, and a request be under way, in seconds: a session that is a second too short is refused.
const SLACK_S: i64 = 60;

/// The shortest session, rounded up to the minute, and time for a payment that was begun in its last second (a bank's own question
/// takes minutes).
const PAYABLE_AFTER_MS: i64 = 40 * 60_000;

/// Characters of a product's name. Stripe takes 250 for a line of its page.
const NAME_MAX: usize = 250;

/// Secrets of a webhook at the same time: the old one, the new one, and room for a mistake.
const SECRETS_MAX: usize = 4;

/// Stripe Checkout.
pub static KIND: Kind = Kind {
    name: "stripe",
    methods: &["card"],
    asks_to_create: true,
    closes: true,
    refunds: true,
    refund_repeats: true,
    payable_after_ms: PAYABLE_AFTER_MS,
    fields: &[
        Field {
            name: "secret_key",
            secret: true,
            required: true,
            choices: &[],
            label: [
                "The secret key (sk_…), or a restricted one (rk_…) that may write Checkout Sessions and Refunds and read PaymentIntents",
                "密钥（sk_…），或受限密钥（rk_…）：需有 Checkout Sessions 和 Refunds 写权限、PaymentIntents 读权限",
            ],
        },
        Field {
            name: "webhook_secret",
            secret: true,
            required: true,
            choices: &[],
            label: [
                "The webhook's signing secret (whsec_…); while it is rolled, both, with a comma between",
                "Webhook 签名密钥（whsec_…）；轮换期间填两个，用逗号隔开",
            ],
        },
        Field {
            name: "currency",
            secret: false,
            required: true,
            choices: &[],
            label: ["The currency that is paid, such as USD", "收款币种，例如 USD"],
        },
        Field {
            name: base_url::FIELD,
            secret: false,
            required: false,
            choices: &[],
            label: ["The address of Stripe's API; empty for Stripe's own", "Stripe 接口地址；留空即官方地址"],
        },
    ],
    open,
};

/// An account of settings.
fn open(settings: &Settings) -> Result<Channel, BadSetting> {
    let bad = |field, why| Err(BadSetting { field, why });
    let key = settings.required("secret_key")?;
    let plain = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if key.starts_with("pk_") {
        return bad("secret_key", "This is the publishable key (pk_); the secret key begins with sk_ or rk_.");
    }
    if key.starts_with("whsec_") {
        return bad("secret_key", "This is the webhook's secret; the secret key begins with sk_ or rk_.");
    }
    let mode = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"));
    let Some(mode) = mode else { return bad("secret_key", "The secret key begins with sk_ or rk_.") };
    let live = mode.starts_with("live_");
    if !live && !mode.starts_with("test_") {
        return bad("secret_key", "The secret key begins with sk_live_, sk_test_, rk_live_ or rk_test_.");
    }
    if !plain(key) || mode.len() <= "live_".len() {
        return bad("secret_key", "The secret key is one word of letters, digits and _, without spaces.");
    }
    let given = settings.required("webhook_secret")?;
    let mut secrets = Vec::new();
    for secret in given.split([',', ' ', '\n', '\r', '\t']).filter(|secret| !secret.is_empty()) {
        if secret.starts_with("sk_") || secret.starts_with("rk_") {
            return bad("webhook_secret", "This is the API's secret key; the webhook's secret begins with whsec_.");
        }
        match secret.strip_prefix("whsec_") {
            None => return bad("webhook_secret", "The webhook's secret begins with whsec_."),
            Some("") => return bad("webhook_secret", "Only the beginning of the webhook's secret was given."),
            Some(_) => secrets.push(Secret::new(secret.to_owned())),
        }
    }
    if !(1..=SECRETS_MAX).contains(&secrets.len()) {
        return bad("webhook_secret", "Give one to four secrets with a comma between.");
    }
    let code = settings.required("currency")?.to_ascii_uppercase();
    let currency = Currency::parse(&code);
    let Some(currency) = currency else { return bad("currency", "The currency is three letters, such as USD.") };
    if !units::is_known(currency) {
        return bad("currency", "Stripe is not paid in this currency.");
    }
    let base_url = base_url::read(settings, Some(OFFICIAL))?;
    Ok(Channel::new(Account { base_url, key: Secret::new(key.to_owned()), secrets, currency, live }))
}

/// An account at Stripe.
#[derive(Clone, Debug)]
struct Account {
    base_url: String,
    key: Secret,
    secrets: Vec<Secret>,
    currency: Currency,
    live: bool,
}

impl Account {
    fn request(&self, method: &'static str, path: &str, fields: &[(&str, &str)]) -> HttpRequest {
        let text = form::write(fields.iter().copied());
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("accept-encoding".to_owned(), "identity".to_owned()),
            ("authorization".to_owned(), format!("Bearer {}", self.key.expose())),
            ("stripe-version".to_owned(), VERSION.to_owned()),
        ];
        let mut url = format!("{}{path}", self.base_url);
        let mut body = Vec::new();
        if method == "POST" {
            headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
            body = text.into_bytes();
        } else if !text.is_empty() {
            url = format!("{url}?{text}");
        }
        HttpRequest { method, url, headers, body }
    }

    /// A POST that Stripe carries out once under this number, for a day at the least, and answers alike when it is repeated.
    fn once(&self, path: &str, fields: &[(&str, &str)], number: &str) -> HttpRequest {
        let mut request = self.request("POST", path, fields);
        request.headers.push(("idempotency-key".to_owned(), number.to_owned()));
        request
    }

    /// The request that makes a session.
    fn session(&self, attempt: &AttemptView<'_>, now: Millis) -> Result<HttpRequest, CreateError> {
        if attempt.amount.currency != self.currency {
            return Err(CreateError::Currency(attempt.amount.currency));
        }
        let amount = units::to_stripe(attempt.amount).ok_or(CreateError::Amount)?.to_string();
        base_url::host(attempt.return_url).ok_or(CreateError::Address("return_url"))?;
        if attempt.method.is_some_and(|method| method != "card") {
            return Err(CreateError::Method);
        }
        let number = attempt.out_trade_no.to_string();
        let currency = self.currency.code().to_ascii_lowercase();
        let name = clean_name(attempt.product_name);
        let until = expires_at(attempt.expires_at, now).to_string();
        let fields = [
            ("mode", "payment"),
            ("payment_method_types[0]", "card"),
            // Or Stripe would let the buyer pay another amount in another currency.
            ("adaptive_pricing[enabled]", "false"),
            ("line_items[0][price_data][currency]", &currency),
            ("line_items[0][price_data][unit_amount]", &amount),
            ("line_items[0][price_data][product_data][name]", &name),
            ("line_items[0][quantity]", "1"),
            ("success_url", attempt.return_url),
            ("cancel_url", attempt.return_url),
            ("client_reference_id", &number),
            ("metadata[attempt]", &number),
            // On the payment as well, because it is found by this when the session's id was lost.
            ("payment_intent_data[metadata][attempt]", &number),
            ("expires_at", &until),
        ];
        Ok(self.once("/v1/checkout/sessions", &fields, &number))
    }

    /// The session that Stripe made, or why there is none.
    fn started(&self, reply: &HttpReply, number: &str) -> Result<Started, CreateError> {
        match fault_of(reply) {
            None => {}
            Some(Fault::Account(why)) => return Err(CreateError::Account(why)),
            Some(Fault::Busy) => return Err(CreateError::Refused("Stripe takes no requests at the moment")),
            Some(Fault::Unknown(why)) => return Err(CreateError::Unknown(why)),
            Some(Fault::NotFound) => return Err(CreateError::Unknown("Stripe does not know its own address")),
            Some(Fault::Refused(code)) => {
                return Err(match code.as_str() {
                    "amount_too_small" | "amount_too_large" => CreateError::Amount,
                    "testmode_charges_only" => CreateError::Account("the Stripe account is not activated yet"),
                    "payment_method_unactivated" => CreateError::Account("cards are not switched on at Stripe"),
                    "api_key_expired" | "platform_api_key_expired" => {
                        CreateError::Account("the secret key has expired")
                    }
                    _ => CreateError::Refused("Stripe refused the request"),
                });
            }
        }
        let session = Thing::of(reply, "checkout.session", self.live).map_err(CreateError::Unknown)?;
        if !session.is_of(number) {
            return Err(CreateError::Unknown("the reply is about another attempt"));
        }
        let id = session.text("id").filter(|id| wire::is_usable(id, "cs_"));
        let id = id.ok_or(CreateError::Unknown("a session without a number that can be used"))?;
        let url = session.text("url").filter(|url| base_url::is_page(url, &self.base_url));
        let url = url.ok_or(CreateError::Unknown("a session without a page"))?;
        Ok(Started { shown: Created::Redirect(url), provider_ref: Some(id), due: None })
    }

    /// Reads a notification. What is not a payment that this shop asked for is not ours to refuse: Stripe sends every event of the
    /// account to every address, and switches off an address that refuses for days.
    fn read(&self, request: &RawRequest<'_>, now: Millis) -> Result<Notice, Reject> {
        if request.method != "POST" {
            return Err(Reject::Malformed("not a POST"));
        }
        if request.body.len() > BODY_MAX {
            return Err(Reject::Malformed("too long"));
        }
        let mut signatures = request.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("stripe-signature"));
        let (_, signature) = signatures.next().ok_or(Reject::Malformed("no signature header"))?;
        // Two readers could choose different ones.
        if signatures.next().is_some() {
            return Err(Reject::Ambiguous("two signature headers"));
        }
        signature::check(signature, request.body, &self.secrets, now)?;
        let event = object(request.body).and_then(Fields::read);
        let event = event.map_err(|_| Reject::Ambiguous("not a JSON object, or a name sent twice"))?;
        let is_payment = matches!(
            event.string("type").as_deref(),
            Some("checkout.session.completed" | "checkout.session.async_payment_succeeded")
        );
        if event.string("object").as_deref() != Some("event") || !is_payment {
            return Ok(Notice::NotPaid);
        }
        // The money of a connected account is somebody else's.
        if event.raw("account").is_some() {
            return Err(Reject::OtherMerchant);
        }
        if event.raw("livemode").map(|raw| raw.get()) != Some(if self.live { "true" } else { "false" }) {
            return Err(Reject::OtherMerchant);
        }
        let data = event.object("data").ok_or(Reject::NotANotice)?;
        let text = data.raw("object").ok_or(Reject::NotANotice)?.get();
        let session = Thing::read(text, "checkout.session", self.live).map_err(|_| Reject::NotANotice)?;
        if session.text("mode").as_deref() != Some("payment") {
            return Ok(Notice::NotPaid);
        }
        // Another program's session on the same account has no attempt of ours.
        let Some(number) = session.attempt() else { return Ok(Notice::NotPaid) };
        if session.text("payment_status").as_deref() != Some("paid") {
            return Ok(Notice::NotPaid);
        }
        if !session.is_of(&number) {
            return Err(Reject::Unusable("client_reference_id"));
        }
        let provider_number = session.text("payment_intent").filter(|id| wire::is_usable(id, "pi_"));
        Ok(Notice::Paid(Paid {
            out_trade_no: number,
            provider_number: provider_number.ok_or(Reject::Unusable("payment_intent"))?,
            amount: session.amount("amount_total").ok_or(Reject::Unusable("amount_total"))?,
            method: Some("card".to_owned()),
        }))
    }

    /// Asks for the session, with its payment and charge, which alone tells whether the money went back.
    fn ask_session(&self, id: &str) -> HttpRequest {
        self.request("GET", &format!("/v1/checkout/sessions/{id}"), &[("expand[]", "payment_intent.latest_charge")])
    }

    /// What a refund must be for Stripe to be asked for it, or what the seller is told.
    fn wanted(&self, refund: &RefundView<'_>) -> Result<Wanted, &'static str> {
        let amount = Some(refund.amount).filter(|amount| amount.currency == self.currency);
        let units = amount.and_then(units::to_stripe).ok_or("This amount cannot be sent back this way.")?;
        if !wire::is_usable(refund.provider_number, "pi_") {
            return Err("There is no number of a payment to send money back for.");
        }
        Ok(Wanted {
            intent: refund.provider_number.to_owned(),
            units,
            currency: self.currency.code().to_ascii_lowercase(),
            refund_no: refund.refund_no.to_owned(),
        })
    }

    /// Asks for all refunds of a payment: a shop makes nine at the most, and the page holds a hundred.
    fn ask_refunds(&self, wanted: &Wanted) -> HttpRequest {
        self.request("GET", "/v1/refunds", &[("payment_intent", &wanted.intent), ("limit", "100")])
    }
}

impl Codec for Account {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn currency(&self) -> Currency {
        self.currency
    }

    /// Makes a session under the attempt's number. The same call again within a minute is the same session; later ones ask for another
    /// end, which Stripe refuses under the same number, and then nobody knows.
    fn create(&self, attempt: &AttemptView<'_>, call: &Call) -> Step<Result<Started, CreateError>> {
        let request = match self.session(attempt, call.now) {
            Ok(request) => request,
            Err(error) => return Step::Done(Err(error)),
        };
        let (account, number) = (self.clone(), attempt.out_trade_no.to_string());
        then(request, Err(CreateError::Unknown("no reply")), move |reply| account.started(&reply, &number))
    }

    fn verify(&self, request: &RawRequest<'_>, now: Millis) -> Result<Notice, Reject> {
        self.read(request, now)
    }

    /// Stripe reads the status alone.
    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, body) = match outcome {
            Outcome::Accepted => (200, "ok"),
            Outcome::Rejected => (400, "refused"),
            Outcome::TryAgain => (503, "try again"),
        };
        Ack { status, content_type: "text/plain", body }
    }

    /// Asks by the session's id. Where that was lost with the reply, Stripe's search is asked for a payment with the attempt's number,
    /// which can say that it was paid and hardly that it was not.
    fn query(&self, attempt: &AttemptRef<'_>, _: &Call) -> Step<QueryState> {
        let (number, live) = (attempt.out_trade_no.to_string(), self.live);
        let unknown = QueryState::Unknown("no reply");
        match attempt.provider_ref {
            Some(id) if wire::is_usable(id, "cs_") => {
                let id = id.to_owned();
                then(self.ask_session(&id), unknown, move |reply| {
                    wire::session_state(&reply, &id, &number, live).unwrap_or_else(QueryState::Unknown)
                })
            }
            Some(_) => Step::Done(QueryState::Unknown("no number to ask by")),
            None => {
                let query = format!("metadata['{}']:'{number}'", wire::ATTEMPT);
                let fields = [("query", query.as_str()), ("limit", "100"), ("expand[]", "data.latest_charge")];
                then(self.request("GET", "/v1/payment_intents/search", &fields), unknown, move |reply| {
                    wire::search_state(&reply, &number, live).unwrap_or_else(QueryState::Unknown)
                })
            }
        }
    }

    fn query_number(&self, id: &str, _: &Call) -> Option<Step<QueryState>> {
        if !wire::is_usable(id, "pi_") {
            return Some(Step::Done(QueryState::Unknown("no number to ask by")));
        }
        let (id, live) = (id.to_owned(), self.live);
        let request = self.request("GET", &format!("/v1/payment_intents/{id}"), &[("expand[]", "latest_charge")]);
        Some(then(request, QueryState::Unknown("no reply"), move |reply| {
            wire::intent_state(&reply, &id, live).unwrap_or_else(QueryState::Unknown)
        }))
    }

    /// Ends the session. Stripe refuses that for one that is over, whatever ended it, so after a refusal the session itself is asked.
    ///
    /// No number is sent along: ending twice harms nobody, and Stripe would repeat the first answer under one, a passing failure too.
    fn close(&self, attempt: &AttemptRef<'_>, _: &Call) -> Option<Step<CloseState>> {
        let Some(id) = attempt.provider_ref.filter(|id| wire::is_usable(id, "cs_")) else {
            return Some(Step::Done(CloseState::Unknown("no session to close")));
        };
        let (account, id, number) = (self.clone(), id.to_owned(), attempt.out_trade_no.to_string());
        let request = self.request("POST", &format!("/v1/checkout/sessions/{id}/expire"), &[]);
        let state = |reply: &HttpReply, id: &str, number: &str, live| match wire::session_state(reply, id, number, live)
        {
            Ok(QueryState::Closed) => CloseState::Closed,
            Ok(QueryState::Paid(_) | QueryState::Refunded) => CloseState::Paid,
            Ok(_) => CloseState::Unknown("the session is still open"),
            Err(why) => CloseState::Unknown(why),
        };
        Some(Step::Send(
            request,
            Box::new(move |reply| match reply {
                None => Step::Done(CloseState::Unknown("no reply")),
                Some(reply) => match fault_of(&reply) {
                    None => Step::Done(state(&reply, &id, &number, account.live)),
                    Some(Fault::Refused(_)) => {
                        then(account.ask_session(&id), CloseState::Unknown("no reply"), move |reply| {
                            state(&reply, &id, &number, account.live)
                        })
                    }
                    Some(_) => Step::Done(CloseState::Unknown("Stripe gave another answer")),
                },
            }),
        ))
    }

    fn refunds(&self) -> bool {
        true
    }

    /// Looks for a refund of this number first and asks for one only where there is none: Stripe forgets idempotency keys after a day,
    /// and a part sent again after that would go out twice.
    fn refund(&self, refund: &RefundView<'_>, _: &Call) -> Option<Step<RefundState>> {
        let wanted = match self.wanted(refund) {
            Ok(wanted) => wanted,
            Err(told) => return Some(Step::Done(RefundState::Refused(told))),
        };
        let (amount, number) = (wanted.units.to_string(), refund.out_trade_no.to_owned());
        let fields = [
            ("payment_intent", wanted.intent.as_str()),
            ("amount", &amount),
            ("metadata[refund_no]", &wanted.refund_no),
            ("metadata[attempt]", &number),
        ];
        let post = self.once("/v1/refunds", &fields, &wanted.refund_no);
        let ask = self.ask_refunds(&wanted);
        Some(Step::Send(
            ask,
            Box::new(move |reply| {
                let Some(reply) = reply else { return Step::Done(RefundState::Unknown("no reply")) };
                match told(&reply).map_or_else(|| wire::listed(&reply, &wanted), |state| Ok(Some(state))) {
                    Err(why) => Step::Done(RefundState::Unknown(why)),
                    Ok(Some(known)) => Step::Done(known),
                    Ok(None) => then(post, RefundState::Unknown("no reply"), move |reply| {
                        let state = || wire::refunded(&reply, &wanted).unwrap_or_else(RefundState::Unknown);
                        told(&reply).unwrap_or_else(state)
                    }),
                }
            }),
        ))
    }

    /// A refund that is not listed may be on its way to Stripe, so its absence is no answer.
    fn refund_query(&self, refund: &RefundView<'_>, _: &Call) -> Option<Step<RefundState>> {
        let wanted = match self.wanted(refund) {
            Ok(wanted) => wanted,
            Err(told) => return Some(Step::Done(RefundState::Refused(told))),
        };
        Some(then(self.ask_refunds(&wanted), RefundState::Unknown("no reply"), move |reply| {
            match wire::listed(&reply, &wanted) {
                Ok(Some(state)) => state,
                Ok(None) => RefundState::Unknown("Stripe has no refund of this number so far"),
                Err(why) => RefundState::Unknown(why),
            }
        }))
    }

    /// Lists one session, which every key that can sell may.
    fn probe(&self, _: &Call) -> Step<Probe> {
        let request = self.request("GET", "/v1/checkout/sessions", &[("limit", "1")]);
        then(request, Probe::Unknown("no reply"), |reply| match fault_of(&reply) {
            Some(Fault::Account(why)) => Probe::Account(why),
            Some(_) => Probe::Unknown("Stripe gave another answer"),
            None => match object_of(&reply).and_then(Fields::read).map(|list| list.string("object")) {
                Ok(Some(kind)) if kind == "list" => Probe::Works { signed: false },
                _ => Probe::Unknown("the reply is not a list of sessions"),
            },
        })
    }
}

/// Sends a request and reads its reply; without one, the answer is `lost`.
fn then<T: Send + 'static>(
    request: HttpRequest,
    lost: T,
    read: impl FnOnce(HttpReply) -> T + Send + 'static,
) -> Step<T> {
    Step::Send(request, Box::new(move |reply| Step::Done(reply.map_or(lost, read))))
}

/// What a reply that is none with status 200 says about a refund. `None` for one that is.
fn told(reply: &HttpReply) -> Option<RefundState> {
    Some(match fault_of(reply)? {
        Fault::Account(_) => RefundState::Refused("Stripe does not let this key send money back."),
        Fault::NotFound => RefundState::Refused("Stripe does not know this payment."),
        Fault::Busy => RefundState::Unknown("Stripe takes no requests at the moment"),
        Fault::Unknown(why) => RefundState::Unknown(why),
        Fault::Refused(code) => RefundState::Refused(match code.as_str() {
            "charge_already_refunded" => "All of this payment has gone back already.",
            "charge_disputed" => "The buyer has disputed this payment at the bank.",
            "balance_insufficient" | "insufficient_funds" => "There is not enough money in the Stripe balance.",
            _ => "Stripe refused to send this money back.",
        }),
    })
}

/// When a session shall end, Unix seconds: when the shop stops waiting, and not before Stripe allows. The least is rounded up to the
/// minute, so that the same attempt asked for again at once is the same request to the byte.
fn expires_at(wanted: Millis, now: Millis) -> i64 {
    let now = now.div_euclid(1_000);
    let (least, most) = (now + LIFE_S.start() + SLACK_S, now + LIFE_S.end() - SLACK_S);
    let least = (least + 59).div_euclid(60) * 60;
    wanted.div_euclid(1_000).clamp(least, most)
}

/// A product's name as one line of Stripe's page.
fn clean_name(name: &str) -> String {
    let spaced: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let clean: String = spaced.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(NAME_MAX).collect();
    let clean = clean.trim_end();
    if clean.is_empty() { "product".to_owned() } else { clean.to_owned() }
}
