//! A Stripe that does not exist: Checkout Sessions, PaymentIntents and refunds as its API speaks of them, and signed events.
//!
//! Stripe signs no replies, so [`Seal::Wrong`] tells of other numbers than it was asked about and [`Seal::Missing`] changes nothing.
//! An event goes to the address that was registered with the account, not to one that a request names.

use super::{Fake, FakeAnswer, FakeNotice, Seal, Twist};
use crate::gateway::GatewayRequest;
use payments::form::{self, Pairs};
use payments::{Call, Settings};
use ring::hmac;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The keys of the account. They open nothing anywhere.
const KEY: &str = "sk_test_fake0opens0nothing";
const SECRET: &str = "whsec_fake0opens0nothing";

/// Seconds for which a session lives when nothing was said: a day, which is also the most.
const DAY_S: i64 = 24 * 3_600;

/// An account at Stripe, in test mode and paid in one currency.
#[derive(Debug)]
pub struct Stripe {
    currency: &'static str,
    webhook_url: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: Vec<Session>,
    refunds: Vec<Refund>,
    /// What was answered to which fields under which idempotency key.
    answered: Vec<(String, Vec<u8>, FakeAnswer)>,
}

#[derive(Clone, Debug)]
struct Session {
    id: String,
    intent: String,
    number: String,
    amount: i64,
    expires_at: i64,
    status: &'static str,
    paid: Option<i64>,
    /// What the shop sent to make it.
    request: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Refund {
    id: String,
    intent: String,
    amount: i64,
    refund_no: String,
}

impl Stripe {
    /// An account whose events go to this address, paid in US dollars.
    pub fn new(webhook_url: &str) -> Stripe {
        Stripe { currency: "USD", webhook_url: webhook_url.to_owned(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here panics half way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, request: &GatewayRequest, call: &Call) -> FakeAnswer {
        let bearer = format!("Bearer {KEY}");
        if header(request, "authorization") != Some(bearer.as_str()) {
            return fault(401, "", "Invalid API Key provided");
        }
        if header(request, "stripe-version").is_none() {
            return fault(400, "", "This account asks for a version");
        }
        let post = request.method == "POST";
        let fields = form::parse(if post { &request.body } else { request.query.as_bytes() });
        let Ok(fields) = fields else { return fault(400, "", "not a form") };
        let mut state = self.state();
        state.expire(call.now);
        let key = header(request, "idempotency-key").filter(|_| post).map(|key| format!("{} {key}", request.path));
        if let Some(known) = key.as_ref().and_then(|key| state.answered.iter().find(|(known, ..)| known == key)) {
            let (_, body, answer) = known;
            let same = *body == request.body;
            return if same { answer.clone() } else { error(400, "idempotency_error", "", "other fields before") };
        }
        let answer = self.carry_out(&mut state, request, &fields, call);
        // A request that is no good is forgotten under its key; what was begun is not.
        if let Some(key) = key.filter(|_| answer.status == 200) {
            state.answered.push((key, request.body.clone(), answer.clone()));
        }
        answer
    }

    fn carry_out(&self, state: &mut State, request: &GatewayRequest, fields: &Pairs, call: &Call) -> FakeAnswer {
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["v1", "checkout", "sessions"]) => self.create(state, request, fields, call),
            ("GET", ["v1", "checkout", "sessions"]) => {
                let all: Vec<Value> =
                    state.sessions.iter().map(|session| self.session(session, state, false)).collect();
                ok(&json!({"object": "list", "data": all, "has_more": false}))
            }
            ("GET", ["v1", "checkout", "sessions", id]) => {
                let wide = fields.get("expand[]") == Some("payment_intent.latest_charge");
                state.by_id(id).map_or_else(missing, |session| ok(&self.session(session, state, wide)))
            }
            ("POST", ["v1", "checkout", "sessions", id, "expire"]) => {
                match state.sessions.iter_mut().find(|session| session.id == *id) {
                    None => return missing(),
                    Some(session) if session.status == "open" => session.status = "expired",
                    Some(_) => {
                        return fault(400, "", "Only Checkout Sessions with a status in [\"open\"] can be expired.");
                    }
                }
                state.by_id(id).map_or_else(missing, |session| ok(&self.session(session, state, false)))
            }
            ("GET", ["v1", "payment_intents", "search"]) => {
                let query = fields.get("query").unwrap_or_default();
                let found = state.sessions.iter().filter(|session| {
                    session.paid.is_some() && query == format!("metadata['attempt']:'{}'", session.number)
                });
                let found: Vec<Value> = found.map(|session| self.intent(session, state)).collect();
                ok(&json!({"object": "search_result", "data": found, "has_more": false}))
            }
            ("GET", ["v1", "payment_intents", id]) => {
                let found = state.sessions.iter().find(|session| session.intent == *id && session.paid.is_some());
                found.map_or_else(missing, |session| ok(&self.intent(session, state)))
            }
            ("POST", ["v1", "refunds"]) => self.refund(state, fields),
            ("GET", ["v1", "refunds"]) => {
                let intent = fields.get("payment_intent").unwrap_or_default();
                if !state.sessions.iter().any(|session| session.intent == intent && session.paid.is_some()) {
                    return missing();
                }
                let found = state.refunds.iter().rev().filter(|refund| refund.intent == intent);
                let found: Vec<Value> = found.map(|refund| self.refunded(refund)).collect();
                ok(&json!({"object": "list", "data": found, "has_more": false}))
            }
            _ => fault(404, "", "Unrecognized request URL"),
        }
    }

    fn create(&self, state: &mut State, request: &GatewayRequest, fields: &Pairs, call: &Call) -> FakeAnswer {
        let now = call.now.div_euclid(1_000);
        let item = |name: &str| fields.get(&format!("line_items[0]{name}")).unwrap_or_default().to_owned();
        let amount: i64 = item("[price_data][unit_amount]").parse().unwrap_or_default();
        let number = fields.get("client_reference_id").unwrap_or_default().to_owned();
        let marks = [fields.get("metadata[attempt]"), fields.get("payment_intent_data[metadata][attempt]")];
        let expires_at: i64 = fields.get("expires_at").map_or(now + DAY_S, |at| at.parse().unwrap_or_default());
        if fields.get("mode") != Some("payment")
            || item("[quantity]") != "1"
            || item("[price_data][product_data][name]").is_empty()
        {
            return fault(400, "parameter_missing", "Missing required param");
        }
        if !item("[price_data][currency]").eq_ignore_ascii_case(self.currency) {
            return fault(400, "", "Invalid currency");
        }
        if amount < 50 {
            return fault(400, "amount_too_small", "The Checkout Session's total amount is too small");
        }
        if !(now + 1_800..=now + DAY_S).contains(&expires_at) {
            return fault(400, "", "The `expires_at` timestamp must be between 30 minutes and 24 hours from now");
        }
        if number.is_empty() || marks != [Some(number.as_str()); 2] {
            return fault(400, "", "this account's shop marks what it sells");
        }
        let at = state.sessions.len() + 1;
        let session = Session {
            id: format!("cs_test_fake{at}"),
            intent: format!("pi_fake{at}"),
            number,
            amount,
            expires_at,
            status: "open",
            paid: None,
            request: request.body.clone(),
        };
        let shown = self.session(&session, state, false);
        state.sessions.push(session);
        ok(&shown)
    }

    fn refund(&self, state: &mut State, fields: &Pairs) -> FakeAnswer {
        let intent = fields.get("payment_intent").unwrap_or_default().to_owned();
        let amount: i64 = fields.get("amount").unwrap_or_default().parse().unwrap_or_default();
        let Some(paid) = state.sessions.iter().find(|session| session.intent == intent).and_then(|found| found.paid)
        else {
            return missing();
        };
        let left = paid - state.returned(&intent);
        if left == 0 {
            return fault(400, "charge_already_refunded", "Charge has already been refunded.");
        }
        if amount <= 0 || amount > left {
            return fault(400, "", "Refund amount is greater than unrefunded amount on charge");
        }
        let refund_no = fields.get("metadata[refund_no]").unwrap_or_default().to_owned();
        let refund = Refund { id: format!("re_fake{}", state.refunds.len() + 1), intent, amount, refund_no };
        let shown = self.refunded(&refund);
        state.refunds.push(refund);
        ok(&shown)
    }

    fn refunded(&self, refund: &Refund) -> Value {
        json!({
            "id": refund.id, "object": "refund", "amount": refund.amount, "currency": self.currency.to_ascii_lowercase(),
            "payment_intent": refund.intent, "status": "succeeded", "metadata": {"refund_no": refund.refund_no}
        })
    }

    /// A session as Stripe writes it; `wide`, with its payment and charge instead of the payment's number.
    fn session(&self, session: &Session, state: &State, wide: bool) -> Value {
        let intent = match session.paid {
            None => Value::Null,
            Some(_) if wide => self.intent(session, state),
            Some(_) => json!(session.intent),
        };
        let page = (session.status == "open").then(|| format!("https://checkout.stripe.example/c/pay/{}", session.id));
        json!({
            "id": session.id, "object": "checkout.session", "mode": "payment", "livemode": false,
            "status": session.status, "payment_status": if session.paid.is_some() { "paid" } else { "unpaid" },
            "client_reference_id": session.number, "metadata": {"attempt": session.number},
            "amount_total": session.paid.unwrap_or(session.amount), "currency": self.currency.to_ascii_lowercase(),
            "payment_intent": intent, "url": page, "expires_at": session.expires_at
        })
    }

    fn intent(&self, session: &Session, state: &State) -> Value {
        let (paid, back) = (session.paid.unwrap_or_default(), state.returned(&session.intent));
        json!({
            "id": session.intent, "object": "payment_intent", "livemode": false, "status": "succeeded",
            "amount_received": paid, "currency": self.currency.to_ascii_lowercase(), "metadata": {"attempt": session.number},
            "latest_charge": {"object": "charge", "amount_refunded": back, "refunded": back == paid}
        })
    }
}

impl State {
    fn expire(&mut self, now: i64) {
        for session in self.sessions.iter_mut().filter(|session| session.status == "open") {
            if session.expires_at * 1_000 <= now {
                session.status = "expired";
            }
        }
    }

    fn by_id(&self, id: &str) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id)
    }

    fn returned(&self, intent: &str) -> i64 {
        self.refunds.iter().filter(|refund| refund.intent == intent).map(|refund| refund.amount).sum()
    }
}

fn header<'a>(request: &'a GatewayRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn ok(body: &Value) -> FakeAnswer {
    answer(200, body)
}

fn answer(status: u16, body: &Value) -> FakeAnswer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    FakeAnswer { status, headers, body: body.to_string().into_bytes() }
}

fn error(status: u16, kind: &str, code: &str, message: &str) -> FakeAnswer {
    let code = if code.is_empty() { Value::Null } else { json!(code) };
    answer(status, &json!({"error": {"type": kind, "code": code, "message": message}}))
}

fn fault(status: u16, code: &str, message: &str) -> FakeAnswer {
    error(status, "invalid_request_error", code, message)
}

fn missing() -> FakeAnswer {
    fault(404, "resource_missing", "No such object")
}

impl Fake for Stripe {
    fn kind(&self) -> &'static str {
        "stripe"
    }

    fn settings(&self, base_url: &str) -> Settings {
        let pairs =
            [("secret_key", KEY), ("webhook_secret", SECRET), ("currency", self.currency), ("base_url", base_url)];
        pairs.into_iter().collect()
    }

    fn handle(&self, request: &GatewayRequest, call: &Call, seal: Seal) -> FakeAnswer {
        let mut answer = self.answer(request, call);
        if seal == Seal::Wrong {
            let text = String::from_utf8_lossy(&answer.body).replace("_fake", "_other");
            answer.body = text.replace("\"client_reference_id\":\"", "\"client_reference_id\":\"X").into_bytes();
        }
        answer
    }

    fn attempts(&self) -> Vec<String> {
        self.state().sessions.iter().map(|session| session.number.clone()).collect()
    }

    /// A session is paid once; whoever pays it again sees that it is paid.
    fn pay(&self, out_trade_no: &str, minor: Option<i64>, call: &Call) -> Option<()> {
        let mut state = self.state();
        state.expire(call.now);
        let session = state.sessions.iter_mut().rev().find(|session| session.number == out_trade_no)?;
        match session.status {
            "open" => {
                session.status = "complete";
                session.paid = Some(minor.unwrap_or(session.amount));
                Some(())
            }
            "complete" => Some(()),
            _ => None,
        }
    }

    fn notice(&self, out_trade_no: &str, twist: Twist, call: &Call) -> Option<FakeNotice> {
        let state = self.state();
        let session =
            state.sessions.iter().rev().find(|session| session.number == out_trade_no && session.paid.is_some())?;
        let mut object = self.session(session, &state, false);
        let mut event = json!({
            "id": format!("evt_{}", session.intent), "object": "event", "livemode": false,
            "created": call.now.div_euclid(1_000), "type": "checkout.session.completed"
        });
        match twist {
            // A connected account's money comes through the same address and is somebody else's.
            Twist::OtherMerchant => set(&mut event, "account", json!("acct_other")),
            Twist::OtherCurrency => set(&mut object, "currency", json!("eur")),
            Twist::NotPaid => set(&mut object, "payment_status", json!("unpaid")),
            _ => {}
        }
        set(&mut event, "data", json!({"object": object}));
        let mut body = serde_json::to_vec_pretty(&event).ok()?;
        let seconds = call.now.div_euclid(1_000) - if twist == Twist::Old { 3_600 } else { 0 };
        let secret = if twist == Twist::WrongKey { "whsec_another" } else { SECRET };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let tag = hmac::sign(&key, &[format!("{seconds}.").as_bytes(), &body].concat());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
        if !matches!(twist, Twist::Unsigned | Twist::OwnRequest) {
            headers.push(("stripe-signature".to_owned(), format!("t={seconds},v1={hex},v0={}", "0".repeat(64))));
        }
        match twist {
            Twist::Changed => {
                let (paid, more) = (session.paid?, session.paid? + 1);
                let text = String::from_utf8(body).ok()?;
                body = text
                    .replace(&format!("\"amount_total\": {paid}"), &format!("\"amount_total\": {more}"))
                    .into_bytes();
            }
            // Nothing that the shop sends carries a signature of its own.
            Twist::OwnRequest => body = session.request.clone(),
            _ => {}
        }
        Some(FakeNotice { method: "POST", url: self.webhook_url.clone(), headers, body })
    }

    fn is_acknowledged(&self, status: u16, _: &[u8]) -> bool {
        (200..300).contains(&status)
    }

    fn returned(&self, out_trade_no: &str) -> i64 {
        let state = self.state();
        let intents = state.sessions.iter().filter(|session| session.number == out_trade_no);
        intents.map(|session| state.returned(&session.intent)).sum()
    }
}

/// Sets a member of a JSON object.
fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
