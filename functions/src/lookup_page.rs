//! `/lookup`: orders of this device, and orders found by contact and password, or by a number and the contact.

use crate::http::{Answer, Problem, source_address};
use crate::order_page::stage;
use crate::pages::view::{Found, LookupNotice, LookupView};
use crate::web::{Form, Visit};
use crate::{pages, web};
use app::showcase::{PageWish, Showcase};
use app::{App, LookupAnswer};
use domain::limits::{CONTACT_MAX, QUERY_PASSWORD};
use domain::order::{Order, State};
use domain::{Currency, Millis, Money, OrderId, OutTradeNo};
use lambda_http::Request;
use lambda_http::http::Method;

/// Whether contact and password can be anybody's: anything else is not worth a read.
pub(crate) fn fits(contact: &str, password: &str) -> bool {
    let good = !contact.is_empty() && contact.len() <= CONTACT_MAX;
    good && !password.is_empty() && password.chars().count() <= *QUERY_PASSWORD.end()
}

/// The order that a number names: the order's own, or that of an attempt, which stands in the bills of payment apps.
fn order_of(number: &str) -> Option<OrderId> {
    OrderId::parse(number).or_else(|| OutTradeNo::parse(number).map(|no| no.order))
}

pub(crate) async fn handle(app: &App, request: &Request) -> Answer {
    let recent = web::recent_orders(app, request);
    let data = app.page(&PageWish { orders: recent.clone(), ..PageWish::default() }).await?;
    let visit = Visit::new(app, request, data.showcase.clone());
    let now = app.clock.now();
    let orders = recent.iter().filter_map(|id| data.orders.get(id)).map(|found| &found.order);
    let mut view = LookupView {
        recent: orders
            .filter(|order| order.state != State::Void)
            .map(|order| row(&data.showcase, order, now, format!("/o/{}", order.id)))
            .collect(),
        ..LookupView::default()
    };
    let mut status = 200;
    let mut answer = LookupAnswer::Orders(Vec::new());
    if request.method() == Method::POST {
        let form = match Form::read(app, request) {
            Ok(form) => form,
            Err((status, trouble)) => return Ok(web::trouble(&visit, request, status, trouble)),
        };
        let (contact, number) = (form.text("contact").trim(), form.text("number").trim());
        let password = form.text("query_password");
        (view.contact, view.number) = (contact.to_owned(), number.to_owned());
        let asked = match (contact.is_empty(), password.is_empty(), number.is_empty()) {
            (true, ..) | (_, true, true) => None,
            (_, false, _) if fits(contact, password) => {
                Some(app.look_up(contact, password, &source_address(request)).await)
            }
            (_, true, false) if contact.len() <= CONTACT_MAX => {
                Some(app.look_up_number(contact, order_of(number).as_ref(), &source_address(request)).await)
            }
            _ => Some(Ok(LookupAnswer::Orders(Vec::new()))),
        };
        match asked {
            None => (status, view.notice) = (422, Some(LookupNotice::Incomplete)),
            Some(Ok(found)) => {
                answer = found;
                match &answer {
                    LookupAnswer::Orders(orders) if orders.is_empty() => view.notice = Some(LookupNotice::None),
                    LookupAnswer::Orders(_) => {}
                    LookupAnswer::TooOften { seconds } => {
                        (status, view.notice) = (429, Some(LookupNotice::Locked((seconds + 59) / 60)));
                    }
                }
            }
            Some(Err(error)) => {
                let _ = Problem::from(error);
                (status, view.notice) = (503, Some(LookupNotice::Unavailable));
            }
        }
    }
    if let (LookupAnswer::Orders(orders), false) = (&answer, view.notice.is_some()) {
        let listed = orders.iter().map(|order| {
            let token = app.keys.order_token(&order.id, order.token_epoch);
            row(&data.showcase, order, now, format!("/o/{}?t={token}", order.id))
        });
        view.found = (request.method() == Method::POST).then(|| listed.collect());
    }
    let html = pages::lookup(&visit.frame(), &view);
    Ok(web::page(&visit, request, status, html, None))
}

fn row<'a>(showcase: &'a Showcase, order: &Order, now: Millis, href: String) -> Found<'a> {
    let attempt = order.newest_attempt();
    Found {
        href,
        product_name: showcase.product(&order.product).map_or("", |listed| listed.product.name.as_str()),
        amount: Money {
            minor: attempt.map_or(0, |attempt| attempt.minor),
            currency: attempt.map_or(Currency::CNY, |attempt| attempt.currency),
        },
        stage: stage(order, now, true, true),
        created_at: order.created_at,
    }
}
