//! The function with the right to cards: `GET /api/orders/{id}/keys` here, the pages of keys in `keys_page`. To the holder of an
//! order's token and to nobody else.

use crate::http::{Answer, Problem, json_response};
use crate::order::authorised;
use crate::{keys_page, pages};
use app::App;
use domain::order::{Order, State};
use lambda_http::Request;
use serde_json::{Value, json};

pub(crate) async fn handle(app: &App, path: &str, id: &str, request: &Request) -> Answer {
    if path != "/api/orders/{id}/keys" {
        return keys_page::handle(app, path, id, request).await;
    }
    let order = authorised(app, id, request).await?;
    let cards = cards(app, &order).await?;
    let texts = app.texts(&order.product).await?;
    let keys: Vec<Value> = (1..).zip(&cards).map(|(n, card): (u32, _)| json!({"index": n, "content": card})).collect();
    let mut body = json!({ "keys": keys });
    if let (Some(body), false) = (body.as_object_mut(), texts.instructions.is_empty()) {
        body.insert("instructions_html".into(), pages::markdown::to_html(&texts.instructions).into());
    }
    json_response(200, &body)
}

/// The cards of an order, in the clear; only when it is delivered and its money is proven.
pub(crate) async fn cards(app: &App, order: &Order) -> Result<Vec<String>, Problem> {
    if order.state != State::Delivered {
        return Err(Problem::NotDelivered);
    }
    // A state that somebody wrote into the table by hand shows nobody a card.
    if !app.is_proven(order) {
        tracing::error!(order = %order.id, "delivered without a proof of its money");
        return Err(Problem::NotDelivered);
    }
    Ok(app.cards_of(order).await?.into_iter().map(|card| card.0).collect())
}
