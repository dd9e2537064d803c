//! `/api/admin/settings`: the shop's own words and choices.

use crate::http::{Answer, Problem, json_body, json_response};
use crate::looks::{Wrong, address, contacts, line, picture, prose};
use app::App;
use app::settings::{BuyerMail, Link, Settings};
use lambda_http::Request;
use lambda_http::http::Method;
use push::mail::is_address;
use serde_json::{Map, Value, json};

/// Characters of the shop's name.
const NAME_MAX: usize = 60;
/// Bytes of a text of several lines.
const PROSE_MAX: usize = 8 * 1_024;
/// Bytes of the notice above the products.
const NOTICE_MAX: usize = 2 * 1_024;
/// Links in the footer.
const LINKS_MAX: usize = 8;
/// Minutes that a place on earth is away from UTC at the most.
const OFFSET_MAX: i64 = 14 * 60;
/// Cards that anybody may call few: more are not counted.
const LOW_STOCK_MAX: u64 = 999;
/// Tries to read and change the settings before giving way to other editors.
const CHANGE_TRIES: usize = 3;

/// The caller has let the seller pass.
pub(crate) async fn handle(app: &App, request: &Request) -> Answer {
    if request.method() == Method::GET {
        let (settings, version) = app.settings_now().await?;
        return describe(&settings, version);
    }
    let body = json_body(request)?;
    let body = body.as_object().ok_or(Problem::BadRequest("The body is not a JSON object."))?;
    for _ in 0..CHANGE_TRIES {
        let (mut settings, version) = app.settings_now().await?;
        match body.get("version").filter(|v| !v.is_null()) {
            None => {}
            Some(seen) if seen.as_u64() == Some(u64::from(version)) => {}
            Some(seen) if seen.is_u64() => return Err(Problem::Conflict("The settings were changed meanwhile.")),
            Some(_) => return Err(Problem::field("version", "malformed")),
        }
        let mut wrong = lay_over(body, &mut settings);
        wrong.extend(unfit_mail(app, body, &settings));
        if !wrong.is_empty() {
            return Err(Problem::Invalid(wrong));
        }
        if !app.has_room_for_settings(&settings).await? {
            return Err(Problem::Conflict(crate::admin::FULL));
        }
        if app.change_settings(&settings, version).await? {
            return describe(&settings, version + 1);
        }
    }
    Err(Problem::Conflict("The settings are being changed by others."))
}

fn describe(settings: &Settings, version: u32) -> Answer {
    let mut body = serde_json::to_value(settings).map_err(|_| Problem::Unavailable)?;
    if let Some(fields) = body.as_object_mut() {
        fields.remove("utc_offset_minutes");
        fields.insert("utc_offset".into(), json!(offset_text(settings.utc_offset_minutes)));
        fields.insert("version".into(), json!(version));
    }
    json_response(200, &body)
}

/// `+08:00`
fn offset_text(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

fn offset(value: &Value) -> Option<i32> {
    let text = value.as_str()?;
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = sign * (hours * 60 + minutes);
    (minutes < 60 && all.abs() <= OFFSET_MAX).then(|| i32::try_from(all).ok()).flatten()
}

fn colour(value: &Value) -> Option<Option<String>> {
    let text = value.as_str()?;
    if text.is_empty() {
        return Some(None);
    }
    let digits = text.strip_prefix('#')?;
    (digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        .then(|| Some(format!("#{}", digits.to_ascii_lowercase())))
}

fn links(value: &Value) -> Option<Vec<Link>> {
    let list = value.as_array().filter(|list| list.len() <= LINKS_MAX)?;
    let link = |entry: &Value| {
        let label = line(entry.get("label")?, 40).filter(|label| !label.is_empty())?;
        Some(Link { label, url: address(entry.get("url")?)? })
    };
    list.iter().map(link).collect()
}

/// When buyers are written to, and from which address. The address stays as it is when a request leaves it out.
fn buyer_mail(value: &Value, stands: &BuyerMail) -> Option<BuyerMail> {
    let fields = value.as_object()?;
    if fields.keys().any(|name| name != "from" && name != "on") {
        return None;
    }
    let from = match fields.get("from") {
        None | Some(Value::Null) => stands.from.clone(),
        Some(from) => from.as_str().map(str::trim).filter(|f| f.is_empty() || is_address(f))?.to_owned(),
    };
    let on = match fields.get("on") {
        None | Some(Value::Null) => stands.on.clone(),
        Some(on) => serde_json::from_value(on.clone()).ok()?,
    };
    Some(BuyerMail { from, on })
}

/// What is wrong with a request for mail: no address to send it from, or one that this deployment may not use.
fn unfit_mail(app: &App, body: &Map<String, Value>, settings: &Settings) -> Wrong {
    let BuyerMail { from, on } = &settings.buyer_mail;
    if body.get("buyer_mail").is_none_or(Value::is_null) || on.is_empty() && from.is_empty() {
        return Wrong::new();
    }
    let code = if from.is_empty() { Some("required") } else { app.config.sender.refusal(from) };
    code.map(|code| ("buyer_mail.from".to_owned(), code)).into_iter().collect()
}

/// Lays the fields of a request over the settings.
fn lay_over(body: &Map<String, Value>, settings: &mut Settings) -> Wrong {
    let mut wrong = Wrong::new();
    macro_rules! field {
        ($name:literal, $place:ident, $code:literal, $read:expr) => {
            match body.get($name) {
                None | Some(Value::Null) => {}
                Some(value) => match ($read)(value) {
                    Some(read) => settings.$place = read,
                    None => wrong.push(($name.to_owned(), $code)),
                },
            }
        };
    }
    let closed = |v: &Value| line(v, 200).map(|reason| Some(reason).filter(|reason| !reason.is_empty()));
    field!("name", name, "length", |v| line(v, NAME_MAX).filter(|name| !name.is_empty()));
    field!("logo", logo, "unknown", picture);
    field!("notice", notice, "length", |v| prose(v, NOTICE_MAX));
    field!("purchase_notice", purchase_notice, "length", |v| prose(v, PROSE_MAX));
    field!("must_agree", must_agree, "not_a_choice", Value::as_bool);
    field!("refund_policy", refund_policy, "length", |v| prose(v, PROSE_MAX));
    field!("links", links, "malformed", links);
    field!("filing_number", filing_number, "length", |v| line(v, 60));
    field!("support", support, "malformed", contacts);
    field!("hours", hours, "length", |v| line(v, 60));
    field!("colour", colour, "not_a_colour", colour);
    field!("closed", closed, "length", closed);
    field!("utc_offset", utc_offset_minutes, "not_an_offset", offset);
    field!("refund_takes", refund_takes, "length", |v| line(v, 40));
    field!("review_takes", review_takes, "length", |v| line(v, 40));
    field!("low_stock_at", low_stock_at, "number", |v: &Value| {
        v.as_u64().filter(|few| *few <= LOW_STOCK_MAX).and_then(|few| u32::try_from(few).ok())
    });
    let mail = settings.buyer_mail.clone();
    field!("buyer_mail", buyer_mail, "malformed", |v| buyer_mail(v, &mail));
    for name in body.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
        wrong.push((name.clone(), "unknown"));
    }
    wrong
}

/// Every field of the settings. A misspelt one is refused, because nobody would notice.
const KNOWN: [&str; 18] = [
    "name",
    "logo",
    "notice",
    "purchase_notice",
    "must_agree",
    "refund_policy",
    "links",
    "filing_number",
    "support",
    "hours",
    "colour",
    "closed",
    "utc_offset",
    "refund_takes",
    "review_takes",
    "low_stock_at",
    "buyer_mail",
    "version",
];
