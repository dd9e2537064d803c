//! `/api/admin/…`: the seller signs in and keeps products; settings and pictures have files of their own.

use crate::http::{Answer, Problem, bearer, json_body, json_response, money, read_money, source_address};
use crate::{channels, looks, media, settings};
use app::App;
use app::catalogue::Listed;
use app::clock::rfc3339;
use app::settings::{Presentation, Texts};
use app::staff::SignIn;
use domain::limits::QUANTITY_MAX;
use domain::product::{Field, Kind, Product};
use domain::{AccountId, Millis, ProductId};
use lambda_http::Request;
use lambda_http::http::Method;
use serde_json::{Value, json};
use store::Outcome;

/// Characters of a product's name.
const NAME_MAX: usize = 200;
/// Fields a seller may ask for in one product.
const FIELD_COUNT_MAX: usize = 20;
/// Why a change is refused that no page could show.
pub(crate) const FULL: &str = "The shop is full: archive products, or shorten what their pages say.";
/// Tries to read and change a product before giving way to other editors.
const CHANGE_TRIES: usize = 3;

pub(crate) async fn handle(app: &App, path: &str, id: &str, request: &Request) -> Answer {
    if path == "/api/admin/login" {
        return login(app, request).await;
    }
    let password_given_at = signed_in(app, request).await?;
    let method = request.method();
    match path {
        "/api/admin/settings" => settings::handle(app, request).await,
        "/api/admin/channels" => channels::list(app).await,
        "/api/admin/channels/{id}" => channels::put(app, id, request).await,
        "/api/admin/media" => media::take(app, request).await,
        "/api/admin/refresh" => session(app, password_given_at),
        "/api/admin/products" if method == Method::GET => list(app).await,
        "/api/admin/products" => create(app, request).await,
        _ if method == Method::GET => one(app, id).await,
        _ if method == Method::PATCH => change(app, id, &json_body(request)?, false).await,
        _ => change(app, id, &json!({"on_sale": false}), true).await,
    }
}

/// Lets the seller pass and nobody else; answers when the seller gave the password, Unix ms.
pub(crate) async fn signed_in(app: &App, request: &Request) -> Result<Millis, Problem> {
    app.know_password().await?;
    bearer(request)
        .and_then(|token| app.session(token))
        .map(|(_, at)| at)
        .ok_or(Problem::Unauthorized("Sign in first."))
}

async fn login(app: &App, request: &Request) -> Answer {
    let body = json_body(request)?;
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    match app.sign_in(text("username"), text("password"), &source_address(request)).await? {
        SignIn::Yes => session(app, app.clock.now()),
        SignIn::No => Err(Problem::Unauthorized("Name or password is wrong.")),
        SignIn::TooOften { seconds } => Err(Problem::RateLimited(seconds)),
    }
}

fn session(app: &App, password_given_at: Millis) -> Answer {
    let (token, ends) = app.open_session(password_given_at);
    json_response(200, &json!({"token": token, "expires_at": rfc3339(ends)}))
}

fn describe(Listed { product, look }: &Listed, texts: Option<&Texts>) -> Result<Value, Problem> {
    let fields: Vec<Value> =
        product.fields.iter().map(|f| json!({"id": f.id, "label": f.label, "required": f.required})).collect();
    let mut body = json!({
        "id": product.id.as_str(),
        "name": product.name,
        "kind": product.kind.as_str(),
        "price": money(product.price),
        "channels": product.channels.iter().map(AccountId::as_str).collect::<Vec<_>>(),
        "min_quantity": product.min_quantity,
        "max_quantity": product.max_quantity,
        "fields": fields,
        "review": product.review,
        "on_sale": product.on_sale,
        "archived": product.archived,
        "version": product.version,
    });
    looks::tell(body.as_object_mut().ok_or(Problem::Unavailable)?, look, texts)?;
    Ok(body)
}

async fn list(app: &App) -> Answer {
    let products: Result<Vec<Value>, Problem> = app.products().await?.iter().map(|p| describe(p, None)).collect();
    json_response(200, &json!({ "products": products? }))
}

async fn one(app: &App, id: &str) -> Answer {
    let id = ProductId::parse(id).ok_or(Problem::NotFound)?;
    let listed = app.listed_now(&id).await?.ok_or(Problem::NotFound)?;
    let (texts, _) = app.texts_now(&id).await?;
    json_response(200, &describe(&listed, Some(&texts))?)
}

async fn create(app: &App, request: &Request) -> Answer {
    let body = json_body(request)?;
    let id = match body.get("id").filter(|v| !v.is_null()) {
        Some(id) => id.as_str().and_then(ProductId::parse).ok_or(Problem::field("id", "malformed"))?,
        // Ten random bytes: never used before, never guessed, fit for an address.
        None => ProductId::parse(&app::keys::hex(&app.ids.bytes::<10>())).ok_or(Problem::Unavailable)?,
    };
    let blank = Product {
        id,
        name: String::new(),
        kind: Kind::SingleUseKey,
        price: domain::Money { minor: 0, currency: domain::Currency::CNY },
        channels: Vec::new(),
        min_quantity: 1,
        max_quantity: QUANTITY_MAX,
        fields: Vec::new(),
        review: false,
        on_sale: true,
        archived: false,
        version: 1,
    };
    let blank = Listed { product: blank, look: Presentation::default() };
    let required = ["name", "kind", "price", "channels"];
    let (listed, texts) = with(app, blank, Texts::default(), &body, &required).await?;
    let taken = Problem::Conflict("A product with this id exists, or existed before.");
    // Sent again, it is the same product; another one must not have its texts changed on the way to being refused.
    if app.listed_now(&listed.product.id).await?.is_some_and(|found| found != listed) {
        return Err(taken);
    }
    if !app.has_room_for(&listed).await? {
        return Err(Problem::Conflict(FULL));
    }
    // The texts first: a product that is listed has them. Nobody reads the texts of one that was refused.
    if texts != Texts::default() && !keep_texts(app, &listed.product.id, &texts).await? {
        return Err(taken);
    }
    match app.create_product(&listed).await? {
        Outcome::Applied(()) | Outcome::AlreadyApplied(()) => json_response(201, &describe(&listed, Some(&texts))?),
        Outcome::Refused(()) => Err(taken),
    }
}

/// Keeps the texts of a product about to be made. `false` when an id like it has other texts already.
async fn keep_texts(app: &App, id: &ProductId, texts: &Texts) -> Result<bool, Problem> {
    let (known, version) = app.texts_now(id).await?;
    Ok(known == *texts || (version == 0 && app.change_texts(id, texts, 0).await?))
}

/// Changes a product; archiving it is for ever.
async fn change(app: &App, id: &str, body: &Value, archive: bool) -> Answer {
    let id = ProductId::parse(id).ok_or(Problem::NotFound)?;
    for _ in 0..CHANGE_TRIES {
        let listed = app.listed_now(&id).await?.filter(|l| !l.product.archived).ok_or(Problem::NotFound)?;
        let (known, texts_version) = app.texts_now(&id).await?;
        // Whoever names the version they saw is told when it is no longer the version.
        match body.get("version").filter(|v| !v.is_null()) {
            None => {}
            Some(seen) if seen.as_u64() == Some(u64::from(listed.product.version)) => {}
            Some(seen) if seen.is_u64() => return Err(Problem::Conflict("The product was changed meanwhile.")),
            Some(_) => return Err(Problem::field("version", "malformed")),
        }
        let (mut changed, texts) = with(app, listed, known.clone(), body, &[]).await?;
        changed.product.version += 1;
        changed.product.archived = archive;
        if !archive && !app.has_room_for(&changed).await? {
            return Err(Problem::Conflict(FULL));
        }
        if texts != known && !app.change_texts(&id, &texts, texts_version).await? {
            continue;
        }
        match app.change_product(&changed).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => {
                return json_response(200, &describe(&changed, Some(&texts))?);
            }
            Outcome::Refused(_) => {}
        }
    }
    Err(Problem::Conflict("The product is being changed by others."))
}

/// The product with the fields of a request laid over it. Names every field that does not fit, and every required one that
/// is not there.
async fn with(
    app: &App,
    Listed { mut product, mut look }: Listed,
    mut texts: Texts,
    body: &Value,
    required: &[&str],
) -> Result<(Listed, Texts), Problem> {
    let body = body.as_object().ok_or(Problem::BadRequest("The body is not a JSON object."))?;
    let mut wrong: Vec<(String, &'static str)> = Vec::new();
    let mut refuse = |name: &str, code| wrong.push((name.to_owned(), code));
    let given = |name: &str| body.get(name).filter(|v| !v.is_null());
    for name in required.iter().filter(|name| given(name).is_none()) {
        refuse(name, "required");
    }
    if given("id").is_some_and(|id| id.as_str() != Some(product.id.as_str())) {
        refuse("id", "fixed");
    }
    if let Some(value) = given("name") {
        match value.as_str().map(str::trim) {
            Some(name) if (1..=NAME_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control) => {
                product.name = name.to_owned();
            }
            _ => refuse("name", "length"),
        }
    }
    if let Some(value) = given("kind") {
        match value.as_str().and_then(Kind::parse) {
            Some(kind) => product.kind = kind,
            None => refuse("kind", "unknown"),
        }
    }
    if let Some(value) = given("price") {
        match read_money(value).filter(|m| m.minor > 0 && m.times(QUANTITY_MAX).is_some()) {
            Some(price) => product.price = price,
            None => refuse("price", "not_money"),
        }
    }
    for (name, place) in [("min_quantity", &mut product.min_quantity), ("max_quantity", &mut product.max_quantity)] {
        if let Some(value) = given(name) {
            match value.as_u64().and_then(|q| u32::try_from(q).ok()).filter(|q| (1..=QUANTITY_MAX).contains(q)) {
                Some(quantity) => *place = quantity,
                None => refuse(name, "quantity_range"),
            }
        }
    }
    if product.min_quantity > product.max_quantity {
        refuse("min_quantity", "above_max");
    }
    for (name, place) in [("on_sale", &mut product.on_sale), ("review", &mut product.review)] {
        if let Some(value) = given(name) {
            match value.as_bool() {
                Some(yes) => *place = yes,
                None => refuse(name, "not_a_choice"),
            }
        }
    }
    if let Some(value) = given("fields") {
        match read_fields(value) {
            Some(fields) => product.fields = fields,
            None => refuse("fields", "malformed"),
        }
    }
    if let Some(value) = given("channels") {
        let ids: Option<Vec<AccountId>> =
            value.as_array().and_then(|list| list.iter().map(|c| c.as_str().and_then(AccountId::parse)).collect());
        match ids.filter(|ids| !ids.is_empty()) {
            Some(ids) => product.channels = ids,
            None => refuse("channels", "malformed"),
        }
    }
    for account in &product.channels {
        match app.channel(account).await? {
            None => refuse("channels", "unknown"),
            Some(setting) if setting.channel.currency() != product.price.currency => refuse("price", "currency"),
            Some(_) => {}
        }
    }
    wrong.extend(looks::lay_over(body, &mut look, &mut texts));
    if wrong.is_empty() { Ok((Listed { product, look }, texts)) } else { Err(Problem::Invalid(wrong)) }
}

fn read_fields(value: &Value) -> Option<Vec<Field>> {
    let list = value.as_array().filter(|list| list.len() <= FIELD_COUNT_MAX)?;
    let fields: Option<Vec<Field>> = list
        .iter()
        .map(|field| {
            let id = field.get("id")?.as_str()?;
            let label = field.get("label")?.as_str()?.trim();
            let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            let fits = !label.chars().any(char::is_control)
                && (1..=32).contains(&id.len())
                && id.bytes().all(good)
                && (1..=100).contains(&label.chars().count());
            let required = field.get("required").is_none_or(Value::is_boolean).then(|| field.get("required"))?;
            let required = required.and_then(Value::as_bool).unwrap_or(false);
            fits.then(|| Field { id: id.to_owned(), label: label.to_owned(), required })
        })
        .collect();
    let distinct = |fields: &Vec<Field>| {
        let ids: std::collections::HashSet<&str> = fields.iter().map(|f| f.id.as_str()).collect();
        ids.len() == fields.len()
    };
    fields.filter(distinct)
}
