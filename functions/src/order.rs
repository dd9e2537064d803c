//! `GET /api/orders/{id}`: where an order stands. Reading never changes anything.

use crate::http::{Answer, Problem, bearer, json_response, money};
use app::App;
use app::clock::rfc3339;
use domain::limits::COMPLETED_AFTER_MS;
use domain::order::{Attempt, Order, State};
use domain::{Millis, Money, OrderId};
use lambda_http::Request;
use payments::Created;
use serde_json::{Value, json};

pub(crate) async fn handle(app: &App, id: &str, request: &Request) -> Answer {
    let order = authorised(app, id, request).await?;
    json_response(200, &describe(app, &order).await?)
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

fn status_reason(order: &Order) -> Option<&'static str> {
    match (order.state, order.why) {
        (State::Paid, _) => Some("fetching"),
        (State::RefundDue, Some(domain::order::Why::SoldOut)) => Some("sold_out_when_paid"),
        (State::Expired | State::Void | State::RefundDue, Some(why)) => Some(why.as_str()),
        _ => None,
    }
}

fn amount(order: &Order) -> Value {
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
pub(crate) fn payment(attempt: &Attempt, shown: &Created) -> Value {
    let (kind, content) = match shown {
        Created::Redirect(url) => ("redirect", json!(url)),
        Created::Qr(text) => ("qr", json!(text)),
        Created::Form { action, fields } => ("form", json!({"action": action, "fields": fields})),
    };
    json!({"attempt": attempt.no.to_string(), "channel": attempt.account.as_str(), "kind": kind, "content": content})
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

async fn describe(app: &App, order: &Order) -> Result<Value, Problem> {
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
    if let Some(reason) = status_reason(order) {
        fields.insert("status_reason".into(), reason.into());
    }
    if order.state == State::Held {
        fields.insert("seconds_left".into(), ((order.expires_at - now).max(0) / 1_000).into());
        if let (Some(attempt), Some(product)) = (order.newest_attempt(), &product)
            && let Some(channel) = app.channel(&attempt.account).await?
            && let Some(shown) = app.shown(order, attempt, product, &channel)
        {
            fields.insert("payment".into(), payment(attempt, &shown));
        }
    }
    fields.insert("timeline".into(), timeline.into());
    Ok(body)
}
