//! `/api/orders/{id}…` and `/api/lookup` (their pages in `order_page` and `lookup_page`): a buyer's order, where it stands, and what its buyer may do with it.

use crate::http::{Answer, Problem, bearer, json_body, json_response, money, source_address};
use crate::web::viewer;
use crate::{lookup_page, order_page};
use app::clock::rfc3339;
use app::{App, AttemptRefusal, CancelAnswer, CheckAnswer, LookupAnswer, Showing, Viewer};
use domain::limits::{COMPLETED_AFTER_MS, CONTACT_MAX, QUERY_PASSWORD};
use domain::order::{Attempt, Order, State};
use domain::refund::{RefundState, done, returned};
use domain::{AccountId, Millis, Money, OrderId};
use lambda_http::Request;
use payments::{CreateError, Created, Started};
use serde_json::{Value, json};

pub(crate) async fn handle(app: &App, path: &str, id: &str, request: &Request) -> Answer {
    match path {
        "/api/lookup" => return look_up(app, request).await,
        "/lookup" => return lookup_page::handle(app, request).await,
        page if page.starts_with("/o/") => return order_page::handle(app, page, id, request).await,
        _ => {}
    }
    let order = authorised(app, id, request).await?;
    match path {
        "/api/orders/{id}/check" => check(app, &order, request).await,
        // While the shop is closed it takes in money and changes nothing else.
        "/api/orders/{id}/payments" | "/api/orders/{id}/cancel" if app.is_closed().await? => Err(Problem::ShopClosed),
        "/api/orders/{id}/payments" => pay_otherwise(app, &order, request).await,
        "/api/orders/{id}/cancel" => cancel(app, &order, request).await,
        _ => read(app, &order, request).await,
    }
}

/// Whoever looks at an order that was paid and still waits drives it on, at most once in ten seconds: a lost message is sent
/// again, late money seeks its cards again. The answer tells what stood before.
async fn read(app: &App, order: &Order, request: &Request) -> Answer {
    if app.seems_stuck(order)
        && let Err(error) = app.send_again(order).await
    {
        tracing::warn!(order = %order.id, %error, "left to the sweep");
    }
    json_response(200, &describe(app, order, &viewer(request)).await?)
}

async fn check(app: &App, order: &Order, request: &Request) -> Answer {
    match app.check_payment(order).await? {
        CheckAnswer::Asked { order, .. } => json_response(200, &describe(app, &order, &viewer(request)).await?),
        CheckAnswer::TooOften { seconds } => Err(Problem::RateLimited(seconds)),
    }
}

async fn cancel(app: &App, order: &Order, request: &Request) -> Answer {
    match app.cancel_order(order).await? {
        CancelAnswer::Closed(order) => json_response(200, &describe(app, &order, &viewer(request)).await?),
        CancelAnswer::NotWaiting(_) => Err(Problem::NotWaiting),
    }
}

async fn pay_otherwise(app: &App, order: &Order, request: &Request) -> Answer {
    let body = json_body(request)?;
    let channel = match body.get("channel") {
        Some(Value::String(channel)) => AccountId::parse(channel).ok_or(Problem::field("channel", "unknown"))?,
        Some(_) => return Err(Problem::field("channel", "not_text")),
        None => return Err(Problem::field("channel", "required")),
    };
    let made = match app.another_attempt(order, &channel).await? {
        Ok(made) => made,
        Err(AttemptRefusal::NotWaiting | AttemptRefusal::TooLate) => return Err(Problem::NotWaiting),
        Err(AttemptRefusal::Channel) => return Err(Problem::field("channel", "not_for_this_product")),
        Err(AttemptRefusal::ChannelDown) => return Err(Problem::ChannelDown),
        Err(AttemptRefusal::TooMany) => return Err(Problem::field("channel", "too_many_attempts")),
    };
    let attempt = made.order.attempt(made.number).ok_or(Problem::Unavailable)?;
    crate::telemetry::about_attempt(&attempt.no);
    let viewer = viewer(request);
    let showing = app.show(&made.order, attempt, &made.product, &made.channel, &viewer, made.is_new).await?;
    let Showing::Shown(started) = showing else { return Err(Problem::ChannelDown) };
    let body = json!({"order": order_summary(app, &made.order), "payment": payment(attempt, &started)});
    json_response(if made.is_new { 201 } else { 200 }, &body)
}

async fn look_up(app: &App, request: &Request) -> Answer {
    let body = json_body(request)?;
    let text = |name: &str| match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() && (name != "contact" || !text.trim().is_empty()) => {
            Ok(text.clone())
        }
        Some(Value::String(_)) | None => Err(Problem::field(name, "required")),
        Some(_) => Err(Problem::field(name, "not_text")),
    };
    // A password is what was typed, spaces and all, here as in the create; a contact is trimmed in both.
    let (contact, password) = (text("contact")?.trim().to_owned(), text("query_password")?);
    if contact.len() > CONTACT_MAX || password.chars().count() > *QUERY_PASSWORD.end() {
        return json_response(200, &json!({"orders": []}));
    }
    let orders = match app.look_up(&contact, &password, &source_address(request)).await? {
        LookupAnswer::Orders(orders) => orders,
        LookupAnswer::TooOften { seconds } => return Err(Problem::RateLimited(seconds)),
    };
    let now = app.clock.now();
    let listed: Vec<Value> = orders
        .iter()
        .map(|order| {
            let token = app.keys.order_token(&order.id, order.token_epoch);
            json!({
                "id": order.id.to_string(),
                "status": status(order, now),
                "product": order.product.as_str(),
                "created_at": rfc3339(order.created_at),
                "order_url": format!("/o/{}?t={token}", order.id),
            })
        })
        .collect();
    json_response(200, &json!({ "orders": listed }))
}

/// The order whose token the caller holds. A wrong token and an unknown id give the same answer.
pub(crate) async fn authorised(app: &App, id: &str, request: &Request) -> Result<Order, Problem> {
    let id = OrderId::parse(id).ok_or(Problem::NotFound)?;
    let token = bearer(request).ok_or(Problem::NotFound)?;
    let order = app.store.order(&id).await?.ok_or(Problem::NotFound)?;
    if order.state == State::Void || !app.keys.opens(token, &id, order.token_epoch) {
        return Err(Problem::NotFound);
    }
    Ok(order)
}

/// The word buyers and sellers read.
pub(crate) fn status(order: &Order, now: Millis) -> &'static str {
    match order.state {
        State::Held => "awaiting_payment",
        State::Review => "review",
        State::Paid => "paid",
        State::Delivered if order.delivered_at.is_some_and(|at| now - at >= COMPLETED_AFTER_MS) => "completed",
        State::Delivered => "delivered",
        State::Expired | State::Void => "closed",
        State::Late => "late",
        State::RefundDue => "refund_due",
        State::Refunded => "refunded",
    }
}

pub(crate) fn status_reason(order: &Order) -> Option<&'static str> {
    match (order.state, order.why) {
        (State::Paid, _) => Some("fetching"),
        (State::RefundDue, Some(domain::order::Why::SoldOut)) => Some("sold_out_when_paid"),
        (State::Expired | State::Void | State::RefundDue, Some(why)) => Some(why.as_str()),
        _ => None,
    }
}

pub(crate) fn amount(order: &Order) -> Value {
    order.newest_attempt().map_or(Value::Null, |a| money(Money { minor: a.minor, currency: a.currency }))
}

/// What a create answers about its order.
pub(crate) fn order_summary(app: &App, order: &Order) -> Value {
    json!({
        "id": order.id.to_string(),
        "status": status(order, app.clock.now()),
        "amount": amount(order),
        "expires_at": rfc3339(order.expires_at),
    })
}

/// What the buyer is shown to pay.
pub(crate) fn payment(attempt: &Attempt, started: &Started) -> Value {
    let (kind, content) = match &started.shown {
        Created::Redirect(url) => ("redirect", json!(url)),
        Created::Qr(text) => ("qr", json!(text)),
        Created::Form { action, fields } => ("form", json!({"action": action, "fields": fields})),
        Created::Jsapi(call) => ("jsapi", json!(call)),
    };
    let mut payment = json!({"attempt": attempt.no.to_string(), "channel": attempt.account.as_str(), "kind": kind, "content": content});
    if let (Some(fields), Some(due)) = (payment.as_object_mut(), &started.due) {
        fields.insert("due".into(), json!({"amount": due.amount, "unit": due.unit, "address": due.address}));
    }
    payment
}

/// Why there is nothing to pay with.
pub(crate) fn payment_error(error: &CreateError) -> Value {
    json!({"code": error.code(), "message": error.public_message()})
}

/// What is on its way back to the buyer, or has gone back; nothing before anything is.
fn refund(order: &Order) -> Option<Value> {
    let currency = order.newest_attempt()?.currency;
    let owed = order.state == State::RefundDue;
    if order.refunds.is_empty() && !owed {
        return None;
    }
    let back = done(&order.refunds);
    let amount = if owed { order.paid_minor() } else { returned(&order.refunds) };
    let state = match order.refunds.iter().any(|r| r.state == RefundState::Started) {
        true => "under_way",
        false if back > 0 && back >= amount => "done",
        false if owed => "due",
        false => "none",
    };
    Some(json!({"state": state, "amount": money(Money { minor: amount, currency }),
        "returned": money(Money { minor: back, currency })}))
}

/// How long a page should wait before it asks again, ms: a tenth of the order's age between 2 and 10 seconds while money is
/// awaited, half a second while the key is being fetched.
fn next_poll_ms(order: &Order, now: Millis) -> i64 {
    match order.state {
        State::Paid | State::Late => 500,
        State::Held => ((now - order.created_at) / 10).clamp(2_000, 10_000),
        _ => 10_000,
    }
}

async fn describe(app: &App, order: &Order, viewer: &Viewer) -> Result<Value, Problem> {
    let now = app.clock.now();
    let product = app.product(&order.product).await?;
    let mut timeline = vec![json!({"event": "created", "at": rfc3339(order.created_at)})];
    let mut body = json!({
        "id": order.id.to_string(),
        "status": status(order, now),
        "product": order.product.as_str(),
        "product_name": product.as_ref().map(|p| p.name.as_str()),
        "quantity": order.quantity,
        "amount": amount(order),
        "expires_at": rfc3339(order.expires_at),
        "server_time": rfc3339(now),
        "next_poll_ms": next_poll_ms(order, now),
    });
    let Some(fields) = body.as_object_mut() else { return Err(Problem::Unavailable) };
    for (name, event, at) in [("paid_at", "paid", order.paid_at), ("delivered_at", "delivered", order.delivered_at)] {
        if let Some(at) = at {
            fields.insert(name.into(), rfc3339(at).into());
            timeline.push(json!({"event": event, "at": rfc3339(at)}));
        }
    }
    if let Some(refund) = refund(order) {
        fields.insert("refund".into(), refund);
    }
    for refund in &order.refunds {
        timeline.push(json!({"event": "refund_started", "at": rfc3339(refund.at)}));
    }
    if let Some(reason) = status_reason(order) {
        fields.insert("status_reason".into(), reason.into());
    }
    if order.state == State::Held {
        fields.insert("seconds_left".into(), ((order.expires_at - now).max(0) / 1_000).into());
        if let (Some(attempt), Some(product)) = (order.newest_attempt(), &product)
            && let Some(channel) = app.channel_of(&attempt.account, attempt.version).await?
            && let Some(started) = app.shown(order, attempt, product, &channel, viewer).await?
        {
            fields.insert("payment".into(), payment(attempt, &started));
        }
    }
    fields.insert("timeline".into(), timeline.into());
    Ok(body)
}
