//! `/o/{id}/keys`: the keys, for the device that ordered or that uncovered them. The only pages whose function may open cards.
//! They are never compressed together with anything a stranger chose, and never kept.

use crate::http::{Answer, Problem, respond};
use crate::order_page::{access, code_of, listed_of, support_of};
use crate::pages::view::{Access, KeysView, Trouble};
use crate::reveal::cards;
use crate::web::{Form, Visit};
use crate::{pages, web};
use app::App;
use app::catalogue::Listed;
use app::showcase::{PageData, PageWish};
use domain::OrderId;
use domain::order::{Order, State};
use lambda_http::http::Method;
use lambda_http::http::header::{CONTENT_DISPOSITION, HeaderValue};
use lambda_http::{Request, Response};
use store::PageOrder;

pub(crate) async fn handle(app: &App, path: &str, id: &str, request: &Request) -> Answer {
    let id = OrderId::parse(id).ok_or(Problem::NotFound)?;
    let mut data = app.page(&PageWish { order: Some(id), ..PageWish::default() }).await?;
    let found = data.orders.remove(&id).filter(|f| f.order.state != State::Void).ok_or(Problem::NotFound)?;
    let visit = Visit::new(app, request, data.showcase.clone());
    let order = &found.order;
    let listed = listed_of(app, &data, order).await?;
    let asked = Asked { app, request, visit: &visit, data: &data, found: &found, listed: listed.as_ref() };
    let access = access(app, request, order);
    let back = Ok(web::see_other(&format!("/o/{id}")));
    if access == Access::Locked || order.state != State::Delivered || !app.is_proven(order) {
        // Whatever there is to say stands on the order's own page.
        return back;
    }
    match (path, request.method()) {
        ("/o/{id}/keys.txt", _) if access == Access::Open => asked.file().await,
        ("/o/{id}/keys.txt", _) => back,
        (_, &Method::POST) => match Form::read(app, request) {
            Ok(_) => asked.uncover(access).await,
            Err((status, trouble)) => Ok(web::trouble(&visit, request, status, trouble)),
        },
        _ if access == Access::Open => asked.page(false).await,
        _ => Ok(asked.cover()),
    }
}

struct Asked<'a> {
    app: &'a App,
    request: &'a Request,
    visit: &'a Visit,
    data: &'a PageData,
    found: &'a PageOrder,
    listed: Option<&'a Listed>,
}

impl Asked<'_> {
    fn order(&self) -> &Order {
        &self.found.order
    }

    fn product_name(&self) -> &str {
        self.listed.map_or("", |listed| listed.product.name.as_str())
    }

    fn cover(&self) -> Response<lambda_http::Body> {
        let html = pages::cover(&self.visit.frame(), &self.order().id.to_string(), self.product_name());
        web::page(self.visit, self.request, 200, html, None)
    }

    /// Shows the keys on this device from now on, and notes when they were first seen: the seller's answer to "I never got it".
    async fn uncover(&self, access: Access) -> Answer {
        let order = self.order();
        if order.viewed_at.is_none()
            && let Err(error) = self.app.store.note_view(&order.id, self.app.clock.now()).await
        {
            tracing::warn!(order = %order.id, %error, "the first view was not noted");
        }
        let mut response = match self.request.headers().get("x-part").is_some_and(|part| part == "keys") {
            true => self.page(true).await?,
            false => web::see_other(&format!("/o/{}/keys", order.id)),
        };
        if access != Access::Open {
            web::open_order(self.app, &mut response, order, Access::Open);
        }
        Ok(response)
    }

    async fn page(&self, is_part: bool) -> Answer {
        let order = self.order();
        let keys = match cards(self.app, order).await {
            Ok(keys) => keys,
            Err(Problem::NotDelivered) => return Ok(web::see_other(&format!("/o/{}", order.id))),
            // What has gone wrong stands in the log; the order is as safe as before.
            Err(_) => return Ok(web::trouble(self.visit, self.request, 503, Trouble::KeyUnavailable)),
        };
        let texts = self.app.texts(&order.product).await?;
        let look = self.listed.map(|listed| &listed.look);
        let view = KeysView {
            id: order.id.to_string(),
            product_name: self.product_name(),
            keys,
            template: look.and_then(|look| look.card_template.as_ref()),
            instructions_html: pages::markdown::to_html(&texts.instructions),
            viewable_until: None,
            collection_code: code_of(self.app, self.found),
            warranty_days: look.map_or(0, |look| look.warranty_days),
            can_mail: self.app.may_mail_link(&self.data.showcase, self.found),
            support: support_of(self.listed, &self.data.showcase.settings),
        };
        let frame = self.visit.frame();
        let html = if is_part { pages::keys_part(&frame, &view) } else { pages::keys(&frame, &view) };
        Ok(web::page_of_secrets(self.visit, html))
    }

    async fn file(&self) -> Answer {
        let order = self.order();
        let keys = match cards(self.app, order).await {
            Ok(keys) => keys,
            Err(_) => return Ok(web::trouble(self.visit, self.request, 503, Trouble::KeyUnavailable)),
        };
        let mut response = respond(200, "text/plain; charset=utf-8", pages::keys_txt(&keys));
        let id = order.id.to_string();
        let tail = id.get(id.len().saturating_sub(6)..).unwrap_or_default();
        let name = file_name(self.product_name(), tail);
        if let Ok(value) = HeaderValue::from_str(&name) {
            response.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
        Ok(response)
    }
}

/// `{product}-{last 6}.txt`, in the form that every browser reads and in the form that keeps Chinese.
/// Source: RFC 6266, section 4.3; RFC 8187, section 3.2.
fn file_name(product: &str, tail: &str) -> String {
    let plain: String = product.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    let plain = if plain.is_empty() { "keys".to_owned() } else { plain };
    let safe = |c: &char| !c.is_control() && !"/\\:*?\"<>|".contains(*c);
    let whole: String = product.chars().filter(safe).take(40).collect();
    let letter = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let encoded: String = format!("{}-{tail}.txt", whole.trim())
        .bytes()
        .map(|b| if letter(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("attachment; filename=\"{plain}-{tail}.txt\"; filename*=UTF-8''{encoded}")
}
