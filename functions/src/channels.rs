//! `/api/admin/channels`: the accounts through which buyers pay. A secret goes in and never comes out.

use crate::http::{Answer, Problem, json_body, json_response};
use app::App;
use app::accounts::{AccountSettings, Unset};
use domain::AccountId;
use lambda_http::Request;
use payments::{Field, Kind, Settings};
use serde_json::{Map, Value, json};

/// Characters of one setting: a chain of certificates is the longest.
const TEXT_MAX: usize = 20_000;

/// What every account has besides the settings of its kind.
const OWN: [&str; 2] = ["kind", "enabled"];

/// Every account, and every kind there is.
pub(crate) async fn list(app: &App) -> Answer {
    let channels: Vec<Value> = app.channels_now().await?.iter().map(|c| describe(app, c)).collect();
    let kinds: Vec<Value> = payments::KINDS.into_iter().map(describe_kind).collect();
    json_response(200, &json!({ "channels": channels, "kinds": kinds }))
}

fn describe(app: &App, settings: &AccountSettings) -> Value {
    let mut all = Map::new();
    all.insert("id".to_owned(), json!(settings.account.as_str()));
    all.insert("kind".to_owned(), json!(settings.kind));
    all.insert("enabled".to_owned(), json!(settings.enabled));
    all.insert("sandbox".to_owned(), json!(settings.sandbox));
    all.insert("notify_url".to_owned(), json!(format!("{}/webhooks/{}", app.config.public_url, settings.account)));
    let shown = settings.shown().into_iter().map(|(name, value)| json!({"name": name, "value": value}));
    all.insert("settings".to_owned(), shown.collect());
    let secrets = settings.tails().into_iter().map(|(name, tail)| json!({"name": name, "tail": tail}));
    all.insert("secrets".to_owned(), secrets.collect());
    Value::Object(all)
}

fn describe_kind(kind: &Kind) -> Value {
    let field = |field: &Field| {
        let [label_en, label_zh] = field.label;
        json!({
            "name": field.name,
            "secret": field.secret,
            "required": field.required,
            "choices": field.choices,
            "label": label_en,
            "label_zh": label_zh,
        })
    };
    json!({
        "kind": kind.name,
        "methods": kind.methods,
        "closes": kind.closes,
        "refunds": kind.refunds,
        "fields": kind.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

/// The text of a setting as JSON may hold it: a text, a whole number, a choice.
fn text_of(name: &'static str, value: &Value) -> Result<String, Problem> {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(choice) => choice.to_string(),
        Value::Number(number) if number.is_i64() => number.to_string(),
        _ => return Err(Problem::field(name, "malformed")),
    };
    if text.chars().count() > TEXT_MAX {
        return Err(Problem::field(name, "malformed"));
    }
    Ok(text)
}

/// Creates an account, or changes what is named of it.
pub(crate) async fn put(app: &App, id: &str, request: &Request) -> Answer {
    let account = AccountId::parse(id).ok_or(Problem::field("id", "malformed"))?;
    let body = json_body(request)?;
    let body = body.as_object().ok_or(Problem::BadRequest("The body is not a JSON object."))?;
    let known = app.channel_now(&account).await?;
    // The sandbox belongs to the local shop, which writes its settings at every start.
    if account.as_str() == "sandbox" || known.as_ref().is_some_and(|k| k.sandbox) {
        return Err(Problem::Conflict("The sandbox has no settings of its own."));
    }
    let kind = match body.get("kind").filter(|v| !v.is_null()) {
        Some(name) => name.as_str().and_then(payments::kind).ok_or(Problem::field("kind", "unknown"))?,
        None => known.as_ref().and_then(AccountSettings::known_kind).ok_or(Problem::field("kind", "required"))?,
    };
    if let Some(other) = body.keys().find(|name| !OWN.contains(&name.as_str()) && kind.field(name).is_none()) {
        return Err(Problem::field(other, "unknown"));
    }
    let enabled = match body.get("enabled").filter(|v| !v.is_null()) {
        None => known.as_ref().is_none_or(|k| k.enabled),
        Some(value) => value.as_bool().ok_or(Problem::field("enabled", "malformed"))?,
    };
    let mut settings = Settings::new();
    for field in kind.fields {
        // Settings of another kind mean something else under the same name.
        let before = known.as_ref().filter(|k| k.kind == kind.name).and_then(|k| k.settings.get(field.name));
        let given = body.get(field.name).map(|value| text_of(field.name, value)).transpose()?;
        // What an account cannot be without is not taken away by naming it without a value.
        let given = given.filter(|_| !(field.required && body.get(field.name).is_some_and(Value::is_null)));
        let value = given.as_deref().or(before).unwrap_or_default();
        if value.trim().is_empty() && field.required {
            return Err(Problem::field(field.name, "required"));
        }
        if !value.trim().is_empty() && !field.choices.is_empty() && !field.choices.contains(&value.trim()) {
            return Err(Problem::field(field.name, "unknown"));
        }
        settings.set(field.name, value);
    }
    let settings = AccountSettings { account, kind: kind.name.to_owned(), settings, enabled, sandbox: false };
    match app.configure_channel(&settings).await {
        Ok(()) => json_response(200, &describe(app, &settings)),
        // The codec's own check: an address without https, a number or key that no gateway gives out.
        Err(Unset::Setting(bad)) => Err(Problem::field(bad.field, "malformed")),
        Err(Unset::Kind) => Err(Problem::field("kind", "unknown")),
        Err(Unset::Fault(error)) => Err(error.into()),
    }
}
