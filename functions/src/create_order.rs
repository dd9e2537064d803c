//! `POST /api/orders`: hold stock and write an order.

use crate::http::{Answer, Problem, json_body, json_response, money, read_money, source_address};
use crate::order::{order_summary, payment, payment_error};
use crate::telemetry;
use crate::web::viewer;
use app::{App, CreateAnswer, CreateRefusal, OrderRequest, Showing, Viewer};
use domain::limits::{CONTACT_MAX, FIELDS_MAX, IDEMPOTENCY_KEY, QUERY_PASSWORD, TOKEN_REPEAT_MS};
use domain::order::{Lang, State};
use domain::product::Unfit;
use domain::{AccountId, ProductId};
use lambda_http::Request;
use serde_json::{Value, json};

pub(crate) async fn handle(app: &App, request: &Request) -> Answer {
    let key = idempotency_key(request)?;
    let body = json_body(request)?;
    let mut wish = parse(app, key, &body)?;
    wish.address = source_address(request);
    wish.lang = crate::web::language(request).stored();
    let has_password = wish.query_password.is_some();
    match app.create_order(&wish).await? {
        Ok(answer) => {
            telemetry::about_newest(&answer.order);
            tracing::info!(order = %answer.order.id, is_new = answer.is_new, "ordered");
            respond(app, &answer, has_password, &viewer(request)).await
        }
        Err(refusal) => Err(refused(refusal)),
    }
}

fn idempotency_key(request: &Request) -> Result<&str, Problem> {
    let mut values = request.headers().get_all("idempotency-key").iter();
    let key = values.next().and_then(|v| v.to_str().ok()).ok_or(Problem::IdempotencyKeyInvalid)?;
    let printable = key.bytes().all(|b| (0x20..=0x7e).contains(&b));
    if values.next().is_some() || !printable || !IDEMPOTENCY_KEY.contains(&key.len()) {
        return Err(Problem::IdempotencyKeyInvalid);
    }
    Ok(key)
}

/// Checks the form of every field and names all that do not fit, not only the first.
pub(crate) fn parse(app: &App, key: &str, body: &Value) -> Result<OrderRequest, Problem> {
    let fields = body.as_object().ok_or(Problem::BadRequest("The body is not a JSON object."))?;
    let mut wrong: Vec<(String, &'static str)> = Vec::new();
    let mut refuse = |name: &str, code| wrong.push((name.to_owned(), code));
    let given = |name: &str| fields.get(name).filter(|v| !v.is_null());
    let mut text = |name: &'static str| match given(name) {
        None => {
            refuse(name, "required");
            None
        }
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(_) => {
            refuse(name, "not_text");
            None
        }
    };
    let (product, contact, channel) = (text("product"), text("contact"), text("channel"));
    let product = product.and_then(|p| {
        let id = ProductId::parse(&p);
        if id.is_none() {
            refuse("product", "unknown");
        }
        id
    });
    let channel = channel.and_then(|c| {
        let id = AccountId::parse(&c);
        if id.is_none() {
            refuse("channel", "unknown");
        }
        id
    });
    if let Some(contact) = &contact
        && (contact.is_empty() || contact.len() > CONTACT_MAX || contact.chars().any(char::is_control))
    {
        refuse("contact", if contact.is_empty() { "required" } else { "malformed" });
    }
    let quantity = match given("quantity") {
        None => {
            refuse("quantity", "required");
            None
        }
        Some(value) => {
            let quantity = value.as_u64().and_then(|q| u32::try_from(q).ok()).filter(|q| *q > 0);
            if quantity.is_none() {
                refuse("quantity", "not_a_quantity");
            }
            quantity
        }
    };
    let query_password = match given("query_password") {
        None => None,
        Some(Value::String(p)) if p.is_empty() => None,
        Some(Value::String(p)) if QUERY_PASSWORD.contains(&p.chars().count()) => Some(p.clone()),
        Some(_) => {
            refuse("query_password", "length");
            None
        }
    };
    let price_seen = match given("price_seen") {
        None => None,
        Some(value) => {
            let money = read_money(value);
            if money.is_none() {
                refuse("price_seen", "not_money");
            }
            money
        }
    };
    let coupon = match given("coupon") {
        None => None,
        Some(Value::String(code)) if code.is_empty() => None,
        Some(Value::String(code)) if code.len() <= CONTACT_MAX => Some(code.clone()),
        Some(_) => {
            refuse("coupon", "malformed");
            None
        }
    };
    let mut custom = Vec::new();
    match given("fields") {
        None => {}
        Some(Value::Object(map)) => {
            for (id, value) in map {
                match value.as_str() {
                    Some(value) if value.len() <= FIELDS_MAX => custom.push((id.clone(), value.to_owned())),
                    _ => refuse(&format!("fields.{id}"), "malformed"),
                }
            }
            if custom.iter().map(|(id, value)| id.len() + value.len()).sum::<usize>() > FIELDS_MAX {
                refuse("fields", "too_long");
            }
        }
        Some(_) => refuse("fields", "malformed"),
    }
    let order = app.keys.order_id(key);
    telemetry::about(&order);
    // What was understood, not how it was written: members in any order, absent or null, are the same request. serde_json
    // keeps the members of an object sorted.
    let canonical = json!({
        "product": product.as_ref().map(ProductId::as_str),
        "quantity": quantity,
        "contact": contact,
        "channel": channel.as_ref().map(AccountId::as_str),
        "fields": custom,
        "query_password": query_password,
        "coupon": coupon,
        "price_seen": price_seen.map(money),
    })
    .to_string();
    match (product, contact, channel, quantity) {
        (Some(product), Some(contact), Some(channel), Some(quantity)) if wrong.is_empty() => Ok(OrderRequest {
            order,
            fingerprint: app.keys.fingerprint(&order, canonical.as_bytes()),
            product,
            quantity,
            contact,
            channel,
            fields: custom,
            query_password,
            coupon,
            price_seen,
            address: String::new(),
            lang: Lang::default(),
        }),
        _ => Err(Problem::Invalid(wrong)),
    }
}

pub(crate) fn refused(refusal: CreateRefusal) -> Problem {
    match refusal {
        CreateRefusal::Closed => Problem::ShopClosed,
        CreateRefusal::TooMany => Problem::TooManyHolds,
        CreateRefusal::Void => Problem::OrderVoid,
        CreateRefusal::KeyReused => Problem::IdempotencyKeyReused,
        CreateRefusal::NoProduct => Problem::field("product", "unknown"),
        CreateRefusal::Unfit(Unfit::OffSale) => Problem::field("product", "off_sale"),
        CreateRefusal::Unfit(Unfit::PriceChanged) => Problem::PriceChanged,
        CreateRefusal::Unfit(Unfit::QuantityRange) => Problem::field("quantity", "quantity_range"),
        CreateRefusal::Unfit(Unfit::Channel) => Problem::field("channel", "not_for_this_product"),
        CreateRefusal::Unfit(Unfit::AmountTooLarge) => Problem::field("quantity", "amount_too_large"),
        CreateRefusal::Fields(wrong) => Problem::Invalid(wrong),
        CreateRefusal::Coupon => Problem::field("coupon", "unknown"),
        CreateRefusal::ChannelDown => Problem::ChannelDown,
        CreateRefusal::SoldOut => Problem::SoldOut,
    }
}

/// 201 for a new order, 200 for the one this key made before. The token is repeated for an hour only: a key that leaks later
/// opens nothing.
///
/// Where the provider gives nothing to pay with, the order stands all the same, and its buyer may turn to another way to pay.
async fn respond(app: &App, answer: &CreateAnswer, has_password: bool, viewer: &Viewer) -> Answer {
    let order = &answer.order;
    let mut body = json!({ "order": order_summary(app, order) });
    let Some(fields) = body.as_object_mut() else { return Err(Problem::Unavailable) };
    if let (State::Held, Some(attempt), Some(channel)) = (order.state, order.newest_attempt(), &answer.channel) {
        match app.show(order, attempt, &answer.product, channel, viewer, answer.is_new).await? {
            Showing::Shown(started) => fields.insert("payment".into(), payment(attempt, &started)),
            Showing::Not(error) => fields.insert("payment_error".into(), payment_error(&error)),
        };
    }
    if answer.is_new || app.clock.now() - order.created_at < TOKEN_REPEAT_MS {
        let token = app.keys.order_token(&order.id, order.token_epoch);
        fields.insert("order_url".into(), format!("/o/{}?t={token}", order.id).into());
        fields.insert("order_token".into(), token.into());
        if !has_password {
            fields.insert("collection_code".into(), app.keys.collection_code(&order.id).into());
        }
    }
    json_response(if answer.is_new { 201 } else { 200 }, &body)
}
