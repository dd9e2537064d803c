//! `GET /api/orders/{id}/keys`: the cards of a delivered order, to the holder of its token and to nobody else.

use crate::http::{Answer, Problem, json_response};
use crate::order::authorised;
use app::App;
use domain::order::State;
use lambda_http::Request;
use serde_json::json;

pub(crate) async fn handle(app: &App, id: &str, request: &Request) -> Answer {
    let order = authorised(app, id, request).await?;
    if order.state != State::Delivered {
        return Err(Problem::NotDelivered);
    }
    // A state that somebody wrote into the table by hand shows nobody a card.
    if !app.is_proven(&order) {
        tracing::error!(order = %order.id, "delivered without a proof of its money");
        return Err(Problem::NotDelivered);
    }
    let cards = app.cards_of(&order).await?;
    let keys: Vec<_> = (1..).zip(&cards).map(|(n, card): (u32, _)| json!({"index": n, "content": card.0})).collect();
    json_response(200, &json!({ "keys": keys }))
}
