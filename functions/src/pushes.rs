//! `/api/admin/pushes…`: who is told what, a test, and a repetition. Secrets go in and never come out.

use crate::http::{Answer, Problem, json_body, json_response};
use app::clock::rfc3339;
use app::notices::{Lang, LastResult, NoticeKind, Quiet, RECEIVERS_MAX, Receiver};
use app::staff::ADMIN;
use app::{App, AppError};
use domain::{OrderId, ProductId};
use lambda_http::Request;
use lambda_http::http::Method;
use push::{Channel, Verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Characters of a receiver's name.
const NAME_MAX: usize = 60;
/// Products that one receiver may mute.
const MUTED_MAX: usize = 100;
/// Messages a minute that anybody may want one by one.
const PACE_MAX: u64 = 100;
/// Tries to read and change the receivers before giving way to other editors.
const CHANGE_TRIES: usize = 3;
/// The fields of a receiver. A misspelt one is refused, because nobody would notice.
const KNOWN: [&str; 8] = ["name", "channel", "kinds", "quiet", "digest_over", "muted", "language", "version"];

/// The caller has let the seller pass.
pub(crate) async fn handle(app: &App, path: &str, id: &str, request: &Request) -> Answer {
    if path == "/api/admin/pushes" {
        return list(app).await;
    }
    let is_put = request.method() == Method::PUT;
    let id = ProductId::parse(id).ok_or(if is_put { Problem::field("id", "malformed") } else { Problem::NotFound })?;
    match path {
        "/api/admin/pushes/{id}/test" => test(app, &id).await,
        "/api/admin/pushes/{id}/replay" => replay(app, &id, request).await,
        _ if is_put => put(app, &id, request).await,
        _ => remove(app, &id).await,
    }
}

async fn list(app: &App) -> Answer {
    let (receivers, version) = app.receivers_now().await?;
    let mut rows = Vec::with_capacity(receivers.len());
    for receiver in &receivers {
        rows.push(describe(receiver, app.last_result(receiver).await?.as_ref()));
    }
    let mail = app.last_buyer_mail().await?;
    json_response(200, &json!({"receivers": rows, "buyer_mail": told(mail.as_ref()), "version": version}))
}

fn describe(receiver: &Receiver, last: Option<&LastResult>) -> Value {
    let quiet = receiver.quiet.map(|quiet| json!({"from": clock(quiet.from), "to": clock(quiet.to)}));
    json!({
        "id": receiver.id.as_str(),
        "name": receiver.name,
        "channel": receiver.channel.to_shown_value(),
        "kinds": receiver.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "quiet": quiet,
        "digest_over": receiver.digest_over,
        "muted": receiver.muted,
        "language": receiver.lang,
        "last_result": told(last),
    })
}

/// What a provider said last; null when it was asked nothing for a month.
fn told(last: Option<&LastResult>) -> Value {
    last.map_or(Value::Null, |l| json!({"since": rfc3339(l.at), "result": l.result, "reason": l.reason}))
}

/// `23:05`
fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn read_clock(value: Option<&Value>) -> Option<u16> {
    let (hours, minutes) = value?.as_str()?.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    let (hours, minutes): (u16, u16) =
        (digits(hours) && digits(minutes)).then(|| Some((hours.parse().ok()?, minutes.parse().ok()?)))??;
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

async fn put(app: &App, id: &ProductId, request: &Request) -> Answer {
    let body = json_body(request)?;
    let body = body.as_object().ok_or(Problem::BadRequest("The body is not a JSON object."))?;
    for _ in 0..CHANGE_TRIES {
        let (mut receivers, version) = app.receivers_now().await?;
        match body.get("version").filter(|v| !v.is_null()) {
            None => {}
            Some(seen) if seen.as_u64() == Some(u64::from(version)) => {}
            Some(seen) if seen.is_u64() => return Err(Problem::Conflict("The receivers were changed meanwhile.")),
            Some(_) => return Err(Problem::field("version", "malformed")),
        }
        let place = receivers.iter().position(|r| r.id == *id);
        let known = place.and_then(|place| receivers.get(place));
        let receiver = read(app, id, body, known)?;
        if place.is_none() && receivers.len() >= RECEIVERS_MAX {
            return Err(Problem::Conflict("A shop has at most twenty receivers."));
        }
        match place.and_then(|place| receivers.get_mut(place)) {
            Some(stands) => *stands = receiver.clone(),
            None => receivers.push(receiver.clone()),
        }
        app.note_deed(ADMIN, "push_set_up", id.as_str(), None, receiver.channel.kind().as_str()).await?;
        if app.change_receivers(&receivers, version).await? {
            return json_response(200, &describe(&receiver, app.last_result(&receiver).await?.as_ref()));
        }
    }
    Err(Problem::Conflict("The receivers are being changed by others."))
}

/// A receiver as a request describes it. What it leaves out is as it is for a new one; a secret that it leaves out stays.
fn read(app: &App, id: &ProductId, body: &Map<String, Value>, known: Option<&Receiver>) -> Result<Receiver, Problem> {
    let mut wrong: Vec<(String, &'static str)> = Vec::new();
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    let mut refuse = |name: &str, code: &'static str| wrong.push((name.to_owned(), code));
    for name in body.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
        refuse(name, "unknown");
    }
    let name = given("name").map_or(Some(id.as_str()), Value::as_str).map(str::trim);
    let name = name.filter(|n| (1..=NAME_MAX).contains(&n.chars().count()) && !n.chars().any(char::is_control));
    if name.is_none() {
        refuse("name", "length");
    }
    let kinds: Option<BTreeSet<NoticeKind>> = given("kinds").and_then(Value::as_array).and_then(|list| {
        // A test goes to whoever is tested, wanted or not.
        list.iter().map(|k| k.as_str().and_then(NoticeKind::parse).filter(|k| *k != NoticeKind::Test)).collect()
    });
    match (given("kinds"), &kinds) {
        (None, _) => refuse("kinds", "required"),
        (Some(_), None) => refuse("kinds", "unknown"),
        (Some(_), Some(_)) => {}
    }
    let quiet = given("quiet").map(|quiet| {
        let only = quiet.as_object().is_some_and(|fields| fields.len() == 2);
        read_clock(quiet.get("from")).zip(read_clock(quiet.get("to"))).filter(|_| only)
    });
    if quiet == Some(None) {
        refuse("quiet", "malformed");
    }
    let pace = given("digest_over").map(|n| n.as_u64().filter(|n| (1..=PACE_MAX).contains(n)));
    if pace == Some(None) {
        refuse("digest_over", "malformed");
    }
    let muted = given("muted").map(|list| {
        let list = list.as_array().filter(|list| list.len() <= MUTED_MAX)?;
        list.iter().map(|id| id.as_str().and_then(ProductId::parse).map(|id| id.to_string())).collect()
    });
    let muted: Option<BTreeSet<String>> = muted.unwrap_or_else(|| Some(BTreeSet::new()));
    if muted.is_none() {
        refuse("muted", "malformed");
    }
    let lang = match given("language").map(Value::as_str) {
        None | Some(Some("zh")) => Lang::Zh,
        Some(Some("en")) => Lang::En,
        Some(_) => {
            refuse("language", "unknown");
            Lang::Zh
        }
    };
    let channel = Channel::read(
        given("channel").unwrap_or(&Value::Null),
        known.map(|known| &known.channel),
        app.is_own_machine(),
    );
    let channel = channel.map_err(|fields| wrong.extend(fields)).ok();
    let (Some(name), Some(kinds), Some(muted), Some(channel)) = (name, kinds, muted, channel) else {
        return Err(Problem::Invalid(wrong));
    };
    let quiet = quiet.flatten().map(|(from, to)| Quiet { from, to });
    let digest_over = pace.flatten().and_then(|n| u32::try_from(n).ok());
    let receiver = Receiver { id: id.clone(), name: name.to_owned(), channel, kinds, quiet, digest_over, muted, lang };
    match receiver.channel.sender().and_then(|from| app.config.sender.refusal(from)) {
        Some("not_here") => wrong.push(("channel.kind".to_owned(), "not_here")),
        Some(code) => wrong.push(("channel.from".to_owned(), code)),
        None => {}
    }
    // A program reads every event as it comes; whoever asks for something else should not believe to have it.
    if receiver.is_program() {
        wrong.extend(receiver.quiet.map(|_| ("quiet".to_owned(), "not_for_programs")));
        wrong.extend(receiver.digest_over.map(|_| ("digest_over".to_owned(), "not_for_programs")));
    }
    if wrong.is_empty() { Ok(receiver) } else { Err(Problem::Invalid(wrong)) }
}

async fn remove(app: &App, id: &ProductId) -> Answer {
    for _ in 0..CHANGE_TRIES {
        let (mut receivers, version) = app.receivers_now().await?;
        let before = receivers.len();
        receivers.retain(|receiver| receiver.id != *id);
        if receivers.len() == before {
            return Err(Problem::NotFound);
        }
        app.note_deed(ADMIN, "push_removed", id.as_str(), None, "").await?;
        if app.change_receivers(&receivers, version).await? {
            return json_response(200, &json!({"id": id.as_str(), "state": "removed"}));
        }
    }
    Err(AppError::Contended.into())
}

async fn find(app: &App, id: &ProductId) -> Result<Receiver, Problem> {
    let (receivers, _) = app.receivers_now().await?;
    receivers.into_iter().find(|receiver| receiver.id == *id).ok_or(Problem::NotFound)
}

fn answer(verdict: Verdict) -> Answer {
    let mut body = json!({"result": verdict.as_str(), "reason": verdict.reason()});
    if let (Verdict::Busy { retry_after_ms }, Some(fields)) = (verdict, body.as_object_mut()) {
        fields.insert("retry_after_seconds".to_owned(), retry_after_ms.div_euclid(1_000).into());
    }
    json_response(200, &body)
}

async fn test(app: &App, id: &ProductId) -> Answer {
    let receiver = find(app, id).await?;
    answer(Box::pin(app.push_test(&receiver)).await?)
}

async fn replay(app: &App, id: &ProductId, request: &Request) -> Answer {
    let body = json_body(request)?;
    let body = body.as_object().ok_or(Problem::BadRequest("The body is not a JSON object."))?;
    let order = match body.get("order") {
        None | Some(Value::Null) => return Err(Problem::field("order", "required")),
        Some(order) => order.as_str().and_then(OrderId::parse).ok_or(Problem::field("order", "malformed"))?,
    };
    let receiver = find(app, id).await?;
    match Box::pin(app.push_again(&receiver, &order)).await? {
        Some(verdict) => answer(verdict),
        None if app.order_now(&order).await?.is_none() => Err(Problem::NotFound),
        None => Err(Problem::Conflict("The order has nothing to tell as it stands.")),
    }
}
