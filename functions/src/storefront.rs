//! `/`, `/terms`, `/api/products`, `/healthz`, `/api/openapi.json`: the public catalogue, and the files that pages fetch.

use crate::http::{Answer, Problem, json_response, money, respond};
use crate::pages::view::{Row, ShopView};
use crate::web::{Form, Visit};
use crate::{media, pages, web};
use app::App;
use app::catalogue::Listed;
use app::settings::Presentation;
use app::showcase::PageWish;
use domain::product::Product;
use lambda_http::Request;
use serde_json::{Value, json};

/// Cards below which the shop says "only a few left".
const LOW: u64 = 10;

const OPENAPI: &str = include_str!("../assets/openapi.json");

/// Seconds for which anybody may keep the list of products.
const LIST_KEPT_S: u32 = 5;

/// Characters of a search.
const QUERY_MAX: usize = 60;

pub(crate) async fn handle(app: &App, path: &str, parameter: &str, request: &Request) -> Answer {
    match path {
        "/" => shop(app, request).await,
        "/terms" => {
            let visit = Visit::new(app, request, app.showcase().await?);
            Ok(web::page(&visit, request, 200, pages::terms(&visit.frame()), None))
        }
        "/lang" => choose_language(app, request).await,
        "/assets/{name}" => web::asset(request, parameter),
        "/favicon.ico" => Ok(web::see_other(pages::assets::href("icon.svg"))),
        "/media/{id}" => media::give(app, parameter).await,
        "/healthz" => Ok(respond(200, "text/plain; charset=utf-8", "ok\n")),
        "/api/openapi.json" => Ok(respond(200, "application/json", OPENAPI)),
        "/api/products" => products(app).await,
        _ => Err(Problem::NotFound),
    }
}

/// `/`: what fits category and search, in the order of the showcase, what is sold out at the end.
async fn shop(app: &App, request: &Request) -> Answer {
    let data = app.page(&PageWish { shelf: true, ..PageWish::default() }).await?;
    let visit = Visit::new(app, request, data.showcase.clone());
    let listed: Vec<&Listed> = data.showcase.products.iter().filter(|l| l.product.on_sale && !l.look.hidden).collect();
    let category = web::query(request, "c");
    let query: String = web::query(request, "q").trim().chars().take(QUERY_MAX).collect();
    let wanted = query.to_lowercase();
    let mut categories: Vec<&str> = Vec::new();
    for name in listed.iter().map(|l| l.look.category.as_str()).filter(|name| !name.is_empty()) {
        if !categories.contains(&name) {
            categories.push(name);
        }
    }
    let category = categories.iter().find(|known| **known == category).copied().unwrap_or_default();
    let fits = |l: &&&Listed| {
        let found = [&l.product.name, &l.look.summary].iter().any(|text| text.to_lowercase().contains(&wanted));
        (category.is_empty() || l.look.category == category) && (wanted.is_empty() || found)
    };
    let mut rows: Vec<Row<'_>> = listed
        .iter()
        .filter(fits)
        .map(|l| Row { product: &l.product, look: &l.look, stock: data.shelf.get(&l.product.id).copied() })
        .collect();
    rows.sort_by_key(|row| row.stock == Some(0));
    let view = ShopView { rows, listed: listed.len(), categories, category, query: &query };
    let html = pages::shop(&visit.frame(), &view);
    let mut response = web::page(&visit, request, 200, html, None);
    web::keep_for(&mut response, LIST_KEPT_S);
    Ok(response)
}

/// The buyer chooses a language and goes back to where they were: only to a place of ours.
async fn choose_language(app: &App, request: &Request) -> Answer {
    let form = match Form::read(app, request) {
        Ok(form) => form,
        Err((status, trouble)) => {
            let visit = Visit::new(app, request, app.showcase().await?);
            return Ok(web::trouble(&visit, request, status, trouble));
        }
    };
    let to = form.text("to");
    let is_ours =
        to.starts_with('/') && !to.starts_with("//") && to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    let mut response = web::see_other(if is_ours { to } else { "/" });
    let lang = if form.text("lang") == "en" { "en" } else { "zh" };
    web::set_cookie(app, &mut response, "lang", lang, "/");
    Ok(response)
}

async fn products(app: &App) -> Answer {
    let mut listed = Vec::new();
    for Listed { product, look } in app.products().await?.iter().filter(|l| l.product.on_sale && !l.look.hidden) {
        let count = app.shown_stock(&product.id).await?;
        listed.push(describe(product, look, count));
    }
    json_response(200, &json!({ "products": listed }))
}

fn describe(product: &Product, look: &Presentation, count: u64) -> Value {
    let state = match count {
        0 => "sold_out",
        n if n < LOW => "low",
        _ => "in_stock",
    };
    let mut stock = json!({"state": state, "count": count});
    // Whoever hides the number says only whether there is any.
    if let (true, Some(stock)) = (look.hide_stock, stock.as_object_mut()) {
        stock.insert("state".into(), if count == 0 { "sold_out" } else { "in_stock" }.into());
        stock.remove("count");
    }
    let fields: Vec<Value> =
        product.fields.iter().map(|f| json!({"id": f.id, "label": f.label, "required": f.required})).collect();
    json!({
        "id": product.id.as_str(),
        "name": product.name,
        "price": money(product.price),
        "stock": stock,
        "min_quantity": product.min_quantity,
        "max_quantity": product.max_quantity,
        "kind": product.kind.as_str(),
        "fields": fields,
        "summary": look.summary,
        "category": look.category,
        "contact_kind": look.contact_kind,
        "channels": product.channels.iter().map(|c| c.as_str()).collect::<Vec<_>>(),
    })
}
