//! `/api/admin/channels`: the accounts through which buyers pay. A merchant's key goes in and never comes out.

use crate::http::{Answer, Problem, json_body, json_response};
use app::App;
use app::catalogue::EpaySettings;
use domain::AccountId;
use lambda_http::Request;
use payments::Secret;
use serde_json::{Value, json};

/// Characters of a merchant's number, and of its key.
const TEXT_MAX: usize = 200;
/// Characters of a gateway's address.
const ADDRESS_MAX: usize = 300;

/// Every account.
pub(crate) async fn list(app: &App) -> Answer {
    let channels: Vec<Value> = app.channels_now().await?.iter().map(|c| describe(app, c)).collect();
    json_response(200, &json!({ "channels": channels }))
}

fn describe(app: &App, settings: &EpaySettings) -> Value {
    json!({
        "id": settings.account.as_str(),
        "kind": "epay_v1",
        "base_url": settings.base_url,
        "pid": settings.pid,
        "refund_code": settings.refund,
        "enabled": settings.enabled,
        "sandbox": settings.sandbox,
        "notify_url": format!("{}/webhooks/{}", app.config.public_url, settings.account),
    })
}

/// Creates an account, or changes what is named of it.
pub(crate) async fn put(app: &App, id: &str, request: &Request) -> Answer {
    let account = AccountId::parse(id).ok_or(Problem::field("id", "malformed"))?;
    let body = json_body(request)?;
    let body = body.as_object().ok_or(Problem::BadRequest("The body is not a JSON object."))?;
    const KNOWN: [&str; 6] = ["kind", "base_url", "pid", "key", "refund_code", "enabled"];
    if let Some(other) = body.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(Problem::field(other, "unknown"));
    }
    if body.get("kind").is_some_and(|kind| kind != "epay_v1") {
        return Err(Problem::field("kind", "unknown"));
    }
    let known = app.channel_now(&account).await?;
    // The sandbox belongs to the local shop, which writes its settings at every start.
    if account.as_str() == "sandbox" || known.as_ref().is_some_and(|k| k.sandbox) {
        return Err(Problem::Conflict("The sandbox has no settings of its own."));
    }
    let text = |name: &'static str, max: usize, known: Option<String>| match body.get(name).filter(|v| !v.is_null()) {
        None => known.ok_or(Problem::field(name, "required")),
        Some(value) => {
            let text = value.as_str().map(str::trim).filter(|t| !t.is_empty() && t.chars().count() <= max);
            text.map(str::to_owned).ok_or(Problem::field(name, "malformed"))
        }
    };
    let refund = match body.get("refund_code") {
        None => known.as_ref().and_then(|k| k.refund),
        Some(Value::Null) => None,
        Some(code) => Some(code.as_i64().ok_or(Problem::field("refund_code", "malformed"))?),
    };
    let enabled = match body.get("enabled").filter(|v| !v.is_null()) {
        None => known.as_ref().is_none_or(|k| k.enabled),
        Some(value) => value.as_bool().ok_or(Problem::field("enabled", "malformed"))?,
    };
    let settings = EpaySettings {
        base_url: text("base_url", ADDRESS_MAX, known.as_ref().map(|k| k.base_url.clone()))?,
        pid: text("pid", TEXT_MAX, known.as_ref().map(|k| k.pid.clone()))?,
        key: Secret::new(text("key", TEXT_MAX, known.as_ref().map(|k| k.key.expose().to_owned()))?),
        account,
        refund,
        enabled,
        sandbox: false,
    };
    match app.configure_epay(&settings).await {
        Ok(()) => json_response(200, &describe(app, &settings)),
        // The codec's own check: an address without https, a number or key that no gateway gives out.
        Err(app::AppError::Setting(_)) => Err(Problem::field("base_url", "malformed")),
        Err(error) => Err(error.into()),
    }
}
