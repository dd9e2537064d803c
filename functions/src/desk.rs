//! `/api/admin/attention`, `…/orders/{id}…`, `…/reports/audit`, `…/trail`, `…/restored`: what needs a person, and what a person may do.

use crate::admin::signed_in;
use crate::http::{Answer, Problem, json_body, json_response, money};
use crate::order::{amount, status, status_reason};
use crate::pushes;
use app::clock::rfc3339;
use app::staff::ADMIN;
use app::{App, AttentionRow, RefundAnswer, RefundWish, Report, RowAction};
use domain::limits::{IDEMPOTENCY_KEY, REFERENCE_MAX};
use domain::order::{Order, State};
use domain::{Money, OrderId};
use lambda_http::{Request, RequestExt};
use serde_json::{Value, json};
use store::MoneyRow;

pub(crate) async fn handle(app: &App, path: &str, id: &str, request: &Request) -> Answer {
    signed_in(app, request).await?;
    match path {
        "/api/admin/attention" => attention(app).await,
        "/api/admin/attention/{id}" => decide(app, id, request).await,
        _ if path.starts_with("/api/admin/pushes") => pushes::handle(app, path, id, request).await,
        "/api/admin/reports/audit" => reports(app).await,
        "/api/admin/trail" => trail(app, request).await,
        "/api/admin/restored" => restored(app, request).await,
        _ => {
            let id = OrderId::parse(id).ok_or(Problem::NotFound)?;
            match path {
                "/api/admin/orders/{id}/refund" => refund(app, &id, request).await,
                "/api/admin/orders/{id}/review" => review(app, &id, request).await,
                "/api/admin/orders/{id}/attest" => attest(app, &id, request).await,
                _ => one(app, &id).await,
            }
        }
    }
}

/// A request's body, which is an object and nothing else: a body that was meant otherwise must not be taken for "all of it".
fn object(request: &Request) -> Result<Value, Problem> {
    let body = json_body(request)?;
    if body.is_object() { Ok(body) } else { Err(Problem::BadRequest("The body is not a JSON object.")) }
}

/// A choice of a request; `false` when it is not there.
fn choice(body: &Value, name: &str) -> Result<bool, Problem> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(yes)) => Ok(*yes),
        Some(_) => Err(Problem::field(name, "not_a_choice")),
    }
}

async fn attention(app: &App) -> Answer {
    let attention = app.attention().await?;
    let rows: Vec<Value> = attention.rows.iter().map(describe_row).collect();
    json_response(200, &json!({ "rows": rows, "more": attention.more }))
}

fn describe_row(row: &AttentionRow) -> Value {
    let mut value = json!({
        "id": row.id,
        "kind": row.kind,
        "reason": row.reason,
        "since": rfc3339(row.since),
        "actions": row.actions,
    });
    if let Some(fields) = value.as_object_mut() {
        if let Some(order) = row.order {
            fields.insert("order".into(), order.to_string().into());
        }
        if let Some(amount) = row.amount {
            fields.insert("amount".into(), money(amount));
        }
        if !row.note.is_empty() {
            fields.insert("note".into(), row.note.clone().into());
        }
    }
    value
}

/// A text of a request; empty when it is not there.
fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, Problem> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) if text.chars().any(char::is_control) => Err(Problem::field(name, "malformed")),
        Some(Value::String(text)) => Ok(text.trim()),
        Some(_) => Err(Problem::field(name, "not_text")),
    }
}

/// The person's own reference or reason: what a deed by hand must have.
fn reference(body: &Value, required: bool) -> Result<&str, Problem> {
    let reference = text(body, "reference")?;
    if reference.is_empty() && required {
        return Err(Problem::field("reference", "required"));
    }
    if reference.len() > REFERENCE_MAX {
        return Err(Problem::field("reference", "length"));
    }
    Ok(reference)
}

/// A person's word about a row that is no order: money that settled none, or an alarm.
async fn decide(app: &App, id: &str, request: &Request) -> Answer {
    let body = object(request)?;
    let key = App::row_key(id).ok_or(Problem::NotFound)?;
    let action = match text(&body, "action")? {
        "confirm" => {
            let reference = reference(&body, false)?;
            app.confirm_alarm(&key, ADMIN, reference).await?.ok_or(Problem::NotFound)?;
            return json_response(200, &json!({"id": id, "state": "confirmed"}));
        }
        "refund" => RowAction::Refund,
        "refunded" => RowAction::Refunded,
        "not_refunded" => RowAction::NotRefunded,
        "keep" => RowAction::Keep,
        "" => return Err(Problem::field("action", "required")),
        _ => return Err(Problem::field("action", "unknown")),
    };
    if !key.starts_with(b"R") {
        return Err(Problem::NotFound);
    }
    open(app).await?;
    let reference = reference(&body, action != RowAction::Refund)?;
    match app.decide_money(&key, &action, reference, ADMIN).await? {
        None => Err(Problem::NotFound),
        Some(Ok(row)) => json_response(200, &describe_money(id, &row)),
        Some(Err(row)) if action == RowAction::Refund && !app.row_can_refund(&row).await? => Err(Problem::RefundByHand),
        Some(Err(_)) => Err(Problem::Conflict("The row is in another state.")),
    }
}

fn describe_money(id: &str, row: &MoneyRow) -> Value {
    json!({
        "id": id,
        "state": row.state.as_str(),
        "reason": row.reason,
        "amount": money(Money { minor: row.minor, currency: row.currency }),
        "reference": row.reference,
    })
}

/// While the shop is closed after a restore nobody moves money: what the tables say about it may be old.
async fn open(app: &App) -> Result<(), Problem> {
    if app.is_closed().await? { Err(Problem::ShopClosed) } else { Ok(()) }
}

async fn refund(app: &App, id: &OrderId, request: &Request) -> Answer {
    let body = object(request)?;
    open(app).await?;
    if let Some(number) = body.get("number").filter(|v| !v.is_null()) {
        let number = number.as_u64().and_then(|n| u8::try_from(n).ok()).ok_or(Problem::field("number", "unknown"))?;
        let went_back = match text(&body, "outcome")? {
            "done" => true,
            "failed" => false,
            "" => return Err(Problem::field("outcome", "required")),
            _ => return Err(Problem::field("outcome", "unknown")),
        };
        let reference = reference(&body, true)?;
        return answer(app, app.resolve_refund(id, number, went_back, reference, ADMIN).await?);
    }
    let minor = match body.get("amount").filter(|v| !v.is_null()) {
        None => None,
        Some(value) => Some(crate::http::read_money(value).ok_or(Problem::field("amount", "not_money"))?),
    };
    if let (Some(wanted), Some(order)) = (minor, app.order_now(id).await?)
        && order.newest_attempt().is_some_and(|a| a.currency != wanted.currency)
    {
        return Err(Problem::field("amount", "currency"));
    }
    let by_hand = match choice(&body, "by_hand")? {
        true => Some(reference(&body, true)?.to_owned()),
        false => None,
    };
    let key = match request.headers().get("idempotency-key").map(|v| v.to_str()) {
        None => None,
        Some(Ok(key)) if IDEMPOTENCY_KEY.contains(&key.len()) && key.bytes().all(|b| (0x20..=0x7e).contains(&b)) => {
            Some(key.to_owned())
        }
        Some(_) => return Err(Problem::IdempotencyKeyInvalid),
    };
    let wish = RefundWish { minor: minor.map(|m| m.minor), by_hand, key, who: ADMIN.to_owned() };
    answer(app, app.refund_order(id, &wish).await?)
}

async fn review(app: &App, id: &OrderId, request: &Request) -> Answer {
    let body = object(request)?;
    open(app).await?;
    let pass = match text(&body, "decision")? {
        "pass" => true,
        "refuse" => false,
        "" => return Err(Problem::field("decision", "required")),
        _ => return Err(Problem::field("decision", "unknown")),
    };
    let reference = reference(&body, !pass)?;
    answer(app, app.review_order(id, pass, reference, ADMIN).await?)
}

async fn attest(app: &App, id: &OrderId, request: &Request) -> Answer {
    let body = object(request)?;
    let amount = body.get("amount").and_then(crate::http::read_money).ok_or(Problem::field("amount", "not_money"))?;
    let reference = reference(&body, true)?;
    let order = app.order_now(id).await?.ok_or(Problem::NotFound)?;
    if order.newest_attempt().is_some_and(|a| a.currency != amount.currency) {
        return Err(Problem::field("amount", "currency"));
    }
    answer(app, app.attest_payment(id, amount.minor, reference, ADMIN).await?)
}

fn answer(app: &App, answer: RefundAnswer) -> Answer {
    match answer {
        RefundAnswer::Order(order) => json_response(200, &describe(app, &order)),
        RefundAnswer::NoOrder | RefundAnswer::WrongState(State::Void) => Err(Problem::NotFound),
        RefundAnswer::WrongState(_) => Err(Problem::Conflict("The order's state does not allow it.")),
        RefundAnswer::Amount => Err(Problem::field("amount", "not_what_is_left")),
        RefundAnswer::KeyReused => Err(Problem::IdempotencyKeyReused),
        RefundAnswer::KeyMissing => Err(Problem::IdempotencyKeyInvalid),
        RefundAnswer::ByHandOnly => Err(Problem::RefundByHand),
        RefundAnswer::TooMany => Err(Problem::Conflict("An order has at most nine refunds.")),
    }
}

async fn one(app: &App, id: &OrderId) -> Answer {
    // An id that was given up before there was an order is no order.
    let order = app.order_now(id).await?.filter(|o| o.state != State::Void).ok_or(Problem::NotFound)?;
    json_response(200, &describe(app, &order))
}

/// An order as its seller sees it: attempts and refunds, no contact and no card.
fn describe(app: &App, order: &Order) -> Value {
    let currency = order.newest_attempt().map(|a| a.currency);
    let attempts: Vec<Value> = order
        .attempts
        .iter()
        .map(|a| {
            json!({
                "attempt": a.no.to_string(),
                "channel": a.account.as_str(),
                "amount": money(Money { minor: a.minor, currency: a.currency }),
                "made_at": rfc3339(a.made_at),
                "paid": order.settled.as_ref().is_some_and(|s| s.attempt == a.no.attempt),
            })
        })
        .collect();
    let refunds: Vec<Value> = order
        .refunds
        .iter()
        .zip(1..)
        .filter_map(|(r, number): (_, u32)| {
            Some(json!({
                "number": number,
                "state": r.state.as_str(),
                "amount": money(Money { minor: r.minor, currency: currency? }),
                "by_hand": r.by_hand,
                "reference": r.reference,
                "at": rfc3339(r.at),
            }))
        })
        .collect();
    let mut value = json!({
        "id": order.id.to_string(),
        "status": status(order, app.clock.now()),
        "product": order.product.as_str(),
        "quantity": order.quantity,
        "amount": amount(order),
        "created_at": rfc3339(order.created_at),
        "expires_at": rfc3339(order.expires_at),
        "attempts": attempts,
        "refunds": refunds,
    });
    if let Some(fields) = value.as_object_mut() {
        if let Some(reason) = status_reason(order) {
            fields.insert("status_reason".into(), reason.into());
        }
        for (name, at) in
            [("paid_at", order.paid_at), ("delivered_at", order.delivered_at), ("first_viewed_at", order.viewed_at)]
        {
            if let Some(at) = at {
                fields.insert(name.into(), rfc3339(at).into());
            }
        }
        if let Some(settled) = &order.settled {
            fields.insert("provider_number".into(), settled.txn.provider_number().into());
            fields.insert("attested".into(), settled.txn.is_attested().into());
        }
    }
    value
}

async fn reports(app: &App) -> Answer {
    let reports: Vec<Value> = app.audit_reports().await?.iter().map(describe_report).collect();
    json_response(200, &json!({ "reports": reports }))
}

/// A report as anybody who may see it reads it.
pub fn describe_report(report: &Report) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|f| {
            json!({
                "what": f.what, "product": f.product, "strip": f.strip, "position": f.position, "order": f.order,
                "detail": f.detail,
            })
        })
        .collect();
    json!({
        "scope": report.scope,
        "started_at": rfc3339(report.started_at),
        "finished_at": rfc3339(report.finished_at),
        "strips": report.strips,
        "cards": report.cards,
        "orders": report.orders,
        "confirmed_by_provider": report.confirmed_by_provider,
        "unanswered": report.unanswered,
        "unknown_to_sandbox": report.unknown_to_sandbox,
        "in_motion": report.in_motion,
        "ownerless": report.ownerless,
        "put_back": report.put_back,
        "last_seal": report.last_seal.as_ref().map(|seal| json!({"day": seal.day, "hash": seal.hash})),
        "differences": report.differences,
        "differences_per_million": report.per_million(),
        "findings": findings,
    })
}

/// The audit trail of a month: this one, or `?month=2026-11`.
async fn trail(app: &App, request: &Request) -> Answer {
    let query = request.query_string_parameters();
    let deeds = app.deeds(query.first("month")).await?.ok_or(Problem::BadRequest("month is written 2026-11."))?;
    let entries: Vec<Value> = deeds
        .iter()
        .map(|d| {
            let mut entry = json!({
                "at": rfc3339(d.at), "who": d.who, "what": d.what, "subject": d.subject, "reference": d.reference,
            });
            if let (Some(fields), Some((minor, currency))) = (entry.as_object_mut(), &d.amount) {
                fields.insert("amount".into(), json!({"amount_minor": minor, "currency": currency}));
            }
            entry
        })
        .collect();
    json_response(200, &json!({ "entries": entries }))
}

/// The seller has restored tables: the shop closes until an audit of everything is clean. `{"open": true}` opens it when the
/// audit since then found no difference, and only questions to providers or claims without an order are left, which a person has
/// looked into.
async fn restored(app: &App, request: &Request) -> Answer {
    let body = object(request)?;
    let reference = reference(&body, true)?;
    if choice(&body, "open")? {
        if app.open_by_hand(ADMIN, reference).await? {
            return json_response(200, &json!({"state": "open"}));
        }
        return Err(Problem::Conflict("The audit since the restore has not ended, or found differences."));
    }
    app.note_deed(ADMIN, "shop_closed_after_restore", "shop", None, reference).await?;
    app.close_shop().await?;
    json_response(200, &json!({"state": "closed"}))
}
