//! `GET /api/products`, `/healthz`, `/api/openapi.json`: the public catalogue.

use crate::http::{Answer, Problem, json_response, money, respond};
use app::App;
use domain::product::Product;
use serde_json::{Value, json};

/// Cards below which the shop says "only a few left".
const LOW: u64 = 10;

const OPENAPI: &str = include_str!("../assets/openapi.json");

pub(crate) async fn handle(app: &App, path: &str) -> Answer {
    match path {
        "/healthz" => Ok(respond(200, "text/plain; charset=utf-8", "ok\n")),
        "/api/openapi.json" => Ok(respond(200, "application/json", OPENAPI)),
        "/api/products" => products(app).await,
        _ => Err(Problem::NotFound),
    }
}

async fn products(app: &App) -> Answer {
    let mut listed = Vec::new();
    for product in app.products().await?.iter().filter(|p| p.on_sale) {
        let count = app.shown_stock(&product.id).await?;
        listed.push(describe(product, count));
    }
    json_response(200, &json!({ "products": listed }))
}

fn describe(product: &Product, count: u64) -> Value {
    let state = match count {
        0 => "sold_out",
        n if n < LOW => "low",
        _ => "in_stock",
    };
    let fields: Vec<Value> =
        product.fields.iter().map(|f| json!({"id": f.id, "label": f.label, "required": f.required})).collect();
    json!({
        "id": product.id.as_str(),
        "name": product.name,
        "price": money(product.price),
        "stock": {"state": state, "count": count},
        "min_quantity": product.min_quantity,
        "max_quantity": product.max_quantity,
        "kind": product.kind.as_str(),
        "fields": fields,
        "channels": product.channels.iter().map(|c| c.as_str()).collect::<Vec<_>>(),
    })
}
