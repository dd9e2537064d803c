//! `/lookup`: orders of this device, and orders found by contact and password, or by a number and the contact.

use crate::http::{Answer, log_failure, source_address};
use crate::order_page::stage;
use crate::pages::view::{Found, Lang, LookupNotice, LookupView};
use crate::web::{Form, Visit};
use crate::{pages, web};
use app::notices::AskedAnswer;
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
        can_mail: app.mails_when_asked(&data.showcase),
        ..LookupView::default()
    };
    let mut status = 200;
    if request.method() == Method::POST {
        let form = match Form::read(app, request) {
            Ok(form) => form,
            Err((status, trouble)) => return Ok(web::trouble(&visit, request, status, trouble)),
        };
        view.contact = form.text("contact").trim().to_owned();
        view.number = form.text("number").trim().to_owned();
        let found = match form.text("mail") {
            "1" if view.can_mail => Err(mail_links(app, request, &data.showcase, &view.contact, visit.lang).await),
            _ => look_for(app, request, &view.contact, form.text("query_password"), &view.number).await,
        };
        match found {
            Ok(orders) => {
                let listed = orders.iter().map(|order| {
                    let token = app.keys.order_token(&order.id, order.token_epoch);
                    row(&data.showcase, order, now, format!("/o/{}?t={token}", order.id))
                });
                view.found = Some(listed.collect());
            }
            Err((refused, notice)) => (status, view.notice) = (refused, Some(notice)),
        }
    }
    let html = pages::lookup(&visit.frame(), &view);
    Ok(web::page(&visit, request, status, html, None))
}

/// The orders that a form finds, at least one; or the status and the words of why there are none.
async fn look_for(
    app: &App,
    request: &Request,
    contact: &str,
    password: &str,
    number: &str,
) -> Result<Vec<Order>, (u16, LookupNotice)> {
    if contact.is_empty() || (password.is_empty() && number.is_empty()) {
        return Err((422, LookupNotice::Incomplete));
    }
    let address = source_address(request);
    // A password that was typed is meant, whatever number stands beside it.
    let answer = match password.is_empty() {
        false if fits(contact, password) => app.look_up(contact, password, &address).await,
        true if contact.len() <= CONTACT_MAX => app.look_up_number(contact, order_of(number).as_ref(), &address).await,
        _ => Ok(LookupAnswer::Orders(Vec::new())),
    };
    match answer {
        Ok(LookupAnswer::Orders(orders)) if orders.is_empty() => Err((200, LookupNotice::None)),
        Ok(LookupAnswer::Orders(orders)) => Ok(orders),
        Ok(LookupAnswer::TooOften { seconds }) => Err((429, LookupNotice::Locked((seconds + 59) / 60))),
        Err(error) => {
            log_failure(&error);
            Err((503, LookupNotice::Unavailable))
        }
    }
}

/// Sends the links of a contact's orders to that contact. Who has orders here and who has not get the same answer.
async fn mail_links(
    app: &App,
    request: &Request,
    showcase: &Showcase,
    contact: &str,
    lang: Lang,
) -> (u16, LookupNotice) {
    if contact.is_empty() {
        return (422, LookupNotice::Incomplete);
    }
    if contact.len() > CONTACT_MAX || !push::mail::is_address(contact) {
        return (422, LookupNotice::NoMail);
    }
    match app.ask_for_links(showcase, contact, &source_address(request), lang.stored()).await {
        Ok(AskedAnswer::Sent) => (200, LookupNotice::Mailed),
        Ok(AskedAnswer::Enough) => (429, LookupNotice::MailedEnough),
        Ok(AskedAnswer::Unavailable) => (503, LookupNotice::Unavailable),
        Err(error) => {
            log_failure(&error);
            (503, LookupNotice::Unavailable)
        }
    }
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
