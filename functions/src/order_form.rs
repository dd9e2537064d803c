//! `/p/{product}`: a product and its order form. The form makes the same order by the same rules as the API; what differs is how
//! it is asked and how it is told.

use crate::create_order::{parse, refused};
use crate::http::{Answer, Problem, log_failure, source_address};
use crate::pages::view::{Access, Env, FormNotice, FormValues, Inside, Method, MethodKind, ProductView, Row};
use crate::web::{Form, Visit};
use crate::{pages, telemetry, web};
use app::catalogue::{ChannelSetting, Listed};
use app::showcase::{PageData, PageWish};
use app::{App, CreateAnswer};
use domain::limits::TOKEN_REPEAT_MS;
use domain::order::State;
use domain::{Millis, ProductId};
use lambda_http::http::Method as Verb;
use lambda_http::http::header::{HeaderValue, LOCATION};
use lambda_http::{Body, Request, Response};
use serde_json::{Map, Value, json};

/// Milliseconds for which a page may be submitted as it was rendered.
const NONCE_AGE_MS: i64 = 2 * 60 * 60_000;

/// Characters of the random part of a key that a page's script made: 128 bits and more.
const SCRIPT_NONCE: std::ops::RangeInclusive<usize> = 22..=64;

/// Products named when this one is sold out.
const OTHERS: usize = 2;

pub(crate) async fn handle(app: &App, id: &str, request: &Request) -> Answer {
    let id = ProductId::parse(id).ok_or(Problem::NotFound)?;
    let recent = web::recent_orders(app, request);
    let is_post = request.method() == Verb::POST;
    let wish = PageWish {
        shelf: true,
        texts: Some(id.clone()),
        order: None,
        orders: if is_post { Vec::new() } else { recent },
    };
    let data = app.page(&wish).await?;
    let visit = Visit::new(app, request, data.showcase.clone());
    let listed = data.showcase.product(&id).ok_or(Problem::NotFound)?;
    let asked = Asked { app, request, visit: &visit, data: &data, listed };
    if is_post {
        return match Form::read(app, request) {
            Ok(form) => asked.submit(&form).await,
            Err((status, trouble)) => Ok(web::trouble(&visit, request, status, trouble)),
        };
    }
    let notice = if visit.showcase.settings.closed.is_some() {
        Some(FormNotice::Closed)
    } else {
        (!listed.product.on_sale).then_some(FormNotice::OffSale)
    };
    Ok(asked.show(200, FormValues::default(), Vec::new(), notice))
}

/// A way to pay as buyers know it.
pub(crate) fn method_of(setting: &ChannelSetting) -> Method {
    let kind = match setting.channel.kind().methods {
        _ if setting.is_sandbox => MethodKind::Sandbox,
        ["alipay"] => MethodKind::Alipay,
        ["wxpay"] => MethodKind::Wechat,
        ["card"] => MethodKind::Card,
        methods if methods.contains(&"usdt") => MethodKind::Usdt,
        _ => MethodKind::Gateway,
    };
    Method { account: setting.account.clone(), kind }
}

/// Whether a way to pay leads anywhere in this browser.
pub(crate) fn works(kind: MethodKind, env: Env) -> bool {
    !matches!((kind, env.inside), (MethodKind::Wechat, Inside::Alipay) | (MethodKind::Alipay, Inside::Wechat))
}

/// The hidden key of a rendering: when, by chance, and vouched for.
fn new_nonce(app: &App, now: Millis) -> String {
    let stem = format!("{now:x}-{}", app::keys::hex(&app.ids.bytes::<16>()));
    format!("s{stem}-{}", app.keys.page("nonce", &stem))
}

/// What a form's key may do.
enum Nonce {
    /// Name an order.
    Good,
    /// Nothing: it is too old, or nobody's.
    Stale,
}

fn check_nonce(app: &App, nonce: &str, now: Millis) -> Nonce {
    let letter = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if let Some(random) = nonce.strip_prefix('j') {
        let fits = SCRIPT_NONCE.contains(&random.len()) && random.bytes().all(letter);
        return if fits { Nonce::Good } else { Nonce::Stale };
    }
    let vouched = nonce.strip_prefix('s').and_then(|rest| rest.rsplit_once('-'));
    let Some((stem, mac)) = vouched else { return Nonce::Stale };
    let at = stem.split('-').next().and_then(|at| i64::from_str_radix(at, 16).ok());
    let is_ours = app::keys::equal(mac.as_bytes(), app.keys.page("nonce", stem).as_bytes());
    let is_fresh = at.is_some_and(|at| (0..=NONCE_AGE_MS).contains(&now.saturating_sub(at)));
    if is_ours && is_fresh { Nonce::Good } else { Nonce::Stale }
}

struct Asked<'a> {
    app: &'a App,
    request: &'a Request,
    visit: &'a Visit,
    data: &'a PageData,
    listed: &'a Listed,
}

impl<'a> Asked<'a> {
    fn row(&self, listed: &'a Listed) -> Row<'a> {
        Row { product: &listed.product, look: &listed.look, stock: self.data.shelf.get(&listed.product.id).copied() }
    }

    fn methods(&self) -> Vec<Method> {
        let product = &self.listed.product;
        let settings = product.channels.iter().filter_map(|account| self.data.showcase.channel(account));
        let usable = settings.filter(|s| s.enabled && s.channel.currency() == product.price.currency);
        usable.map(method_of).filter(|method| works(method.kind, self.visit.frame().env)).collect()
    }

    fn show(
        &self,
        status: u16,
        values: FormValues,
        errors: Vec<(String, &'static str)>,
        notice: Option<FormNotice>,
    ) -> Response<Body> {
        let now = self.app.clock.now();
        let row = self.row(self.listed);
        let is_sold_out = row.stock == Some(0);
        let unpaid = self.data.orders.values().map(|found| &found.order).find(|order| {
            order.state == State::Held && order.product == self.listed.product.id && order.expires_at > now
        });
        let mut others: Vec<Row<'_>> = Vec::new();
        if is_sold_out {
            let category = &self.listed.look.category;
            let all = self.data.showcase.products.iter().filter(|l| l.product.on_sale && !l.look.hidden);
            let mut rows: Vec<(bool, Row<'_>)> = all
                .filter(|l| l.product.id != self.listed.product.id)
                .map(|l| (l.look.category != *category, self.row(l)))
                .filter(|(_, row)| row.stock != Some(0))
                .collect();
            rows.sort_by_key(|(is_elsewhere, _)| *is_elsewhere);
            others.extend(rows.into_iter().map(|(_, row)| row).take(OTHERS));
        }
        let view = ProductView {
            row,
            texts: &self.data.texts,
            methods: self.methods(),
            values,
            errors,
            notice,
            nonce: new_nonce(self.app, now),
            hold_minutes: (self.app.config.hold_ms + 59_999).div_euclid(60_000),
            unpaid: unpaid.map(|order| order.id.to_string()),
            others,
        };
        let html = pages::product(&self.visit.frame(), &view);
        web::page(self.visit, self.request, status, html, None)
    }

    async fn submit(&self, form: &Form) -> Answer {
        let values = read_values(form, self.listed.product.min_quantity);
        if matches!(check_nonce(self.app, form.text("nonce"), self.app.clock.now()), Nonce::Stale) {
            return Ok(self.show(409, values, Vec::new(), Some(FormNotice::Stale)));
        }
        let mut errors: Vec<(String, &'static str)> = Vec::new();
        let settings = &self.visit.showcase.settings;
        if settings.asks_to_agree() && !values.agreed {
            errors.push(("agree".to_owned(), "required"));
        }
        let body = self.body(form, &values);
        let key = format!("form:{}", form.text("nonce"));
        let mut wish = match parse(self.app, &key, &body) {
            Ok(wish) if errors.is_empty() => wish,
            Ok(_) => return Ok(self.show(422, values, errors, None)),
            Err(Problem::Invalid(mut wrong)) => {
                wrong.append(&mut errors);
                return Ok(self.show(422, values, wrong, None));
            }
            Err(problem) => return Err(problem),
        };
        wish.address = source_address(self.request);
        wish.lang = self.visit.lang.stored();
        match self.app.create_order(&wish).await {
            Ok(Ok(answer)) => {
                self.start(&answer).await;
                Ok(self.done(&answer))
            }
            Ok(Err(refusal)) => match refused(refusal) {
                Problem::PriceChanged => self.at_the_new_price(values).await,
                problem => Ok(self.refuse(problem, values, wish.quantity).await),
            },
            Err(error) => {
                log_failure(&error);
                Ok(self.show(503, values, Vec::new(), Some(FormNotice::Unavailable)))
            }
        }
    }

    /// The form's fields as the API's body, so that one parser reads both.
    fn body(&self, form: &Form, values: &FormValues) -> Value {
        let quantity = values.quantity.parse::<u32>().map_or_else(|_| json!(values.quantity), |n| json!(n));
        let fields: Map<String, Value> = values.fields.iter().map(|(id, v)| (id.clone(), json!(v))).collect();
        let first = self.methods().first().map(|method| method.account.to_string()).unwrap_or_default();
        let channel = if values.channel.is_empty() { first } else { values.channel.clone() };
        let mut body = json!({
            "product": self.listed.product.id.as_str(),
            "quantity": quantity,
            "contact": values.contact,
            "channel": channel,
            "query_password": values.query_password,
            "coupon": values.coupon.trim(),
        });
        // A form that names no price agrees to none.
        let (minor, currency) = form.text("price_seen").split_once(' ').unwrap_or_default();
        let minor = minor.parse::<i64>().unwrap_or_default();
        let currency = domain::Currency::parse(currency).unwrap_or(domain::Currency::CNY);
        let seen = json!({"amount_minor": minor, "currency": currency.code()});
        if let Some(body) = body.as_object_mut() {
            if !fields.is_empty() {
                body.insert("fields".into(), fields.into());
            }
            body.insert("price_seen".into(), seen);
        }
        body
    }

    /// Has the provider make what the order's page will show. Where that fails the page says so, and offers the other ways to pay.
    async fn start(&self, answer: &CreateAnswer) {
        let order = &answer.order;
        if let (State::Held, Some(attempt), Some(channel)) = (order.state, order.newest_attempt(), &answer.channel) {
            let viewer = web::viewer(self.request);
            let showing = self.app.show(order, attempt, &answer.product, channel, &viewer, answer.is_new).await;
            if let Err(error) = showing {
                log_failure(&error);
            }
        }
    }

    fn done(&self, answer: &CreateAnswer) -> Response<Body> {
        let order = &answer.order;
        telemetry::about_newest(order);
        tracing::info!(order = %order.id, is_new = answer.is_new, "ordered");
        let address = format!("/o/{}", order.id);
        // A script cannot see where a redirect leads; it is told so, and goes there itself.
        let by_script = self.request.headers().get("x-part").is_some_and(|part| part == "form");
        let mut response = web::see_other(&address);
        if by_script {
            response = crate::http::respond(201, "text/plain; charset=utf-8", "");
            if let Ok(value) = HeaderValue::from_str(&address) {
                response.headers_mut().insert(LOCATION, value);
            }
        }
        // As with the API: a key that leaks later opens nothing.
        if answer.is_new || self.app.clock.now() - order.created_at < TOKEN_REPEAT_MS {
            web::open_order(self.app, &mut response, order, Access::Open);
        }
        web::remember_order(self.app, self.request, &mut response, &order.id);
        response
    }

    /// The price that was asked for, as it stands in the product itself: what pages are made from may lag.
    async fn at_the_new_price(&self, values: FormValues) -> Answer {
        let listed = self.app.listed_now(&self.listed.product.id).await?.ok_or(Problem::NotFound)?;
        let now = Asked { app: self.app, request: self.request, visit: self.visit, data: self.data, listed: &listed };
        Ok(now.show(409, values, Vec::new(), Some(FormNotice::PriceChanged)))
    }

    async fn refuse(&self, problem: Problem, mut values: FormValues, quantity: u32) -> Response<Body> {
        let (status, notice) = match problem {
            Problem::Invalid(wrong) if wrong.iter().any(|(_, code)| *code == "off_sale") => (409, FormNotice::OffSale),
            Problem::Invalid(wrong) => return self.show(422, values, wrong, None),
            // Whoever hides how many there are says no number here either.
            Problem::SoldOut if self.listed.look.hide_stock => (409, FormNotice::SoldOut),
            Problem::SoldOut => match self.app.shown_stock(&self.listed.product.id).await {
                Ok(left) if (1..u64::from(quantity)).contains(&left) => {
                    values.quantity = left.to_string();
                    (409, FormNotice::OnlyLeft(left))
                }
                _ => (409, FormNotice::SoldOut),
            },
            Problem::TooManyHolds => (429, FormNotice::TooManyOpen),
            Problem::RateLimited(seconds) => (429, FormNotice::TooFast(seconds)),
            Problem::ChannelDown => (503, FormNotice::ChannelDown),
            Problem::ShopClosed => (503, FormNotice::Closed),
            // The key named another order, or one that was given up: the page was kept, and the next key is fresh.
            Problem::IdempotencyKeyReused | Problem::OrderVoid => (409, FormNotice::Stale),
            _ => (503, FormNotice::Unavailable),
        };
        self.show(status, values, Vec::new(), Some(notice))
    }
}

fn read_values(form: &Form, least: u32) -> FormValues {
    let text = |name: &str| form.text(name).to_owned();
    FormValues {
        // A form without a choice of quantity sends none.
        quantity: Some(text("quantity").trim().to_owned())
            .filter(|q| !q.is_empty())
            .unwrap_or_else(|| least.to_string()),
        contact: text("contact"),
        channel: text("channel"),
        fields: form.beginning("f.").map(|(id, value)| (id.to_owned(), value.trim().to_owned())).collect(),
        query_password: text("query_password"),
        coupon: text("coupon"),
        agreed: form.text("agree") == "1",
    }
}
