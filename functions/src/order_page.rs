//! `/o/{id}`: an order's page, from first code to refund, and what its buyer presses there. Reading it changes
//! nothing but that a lost message is sent again, and that a person is told of an order that waits for minutes.

use crate::http::{Answer, Problem, respond, source_address};
use crate::order_form::{method_of, works};
use crate::pages::view::{Access, CheckNotice, Extra, Happened, MethodKind, OrderView, PaymentView, RefundWhy, Stage};
use crate::web::{Form, Visit};
use crate::{pages, web};
use app::catalogue::Listed;
use app::notices::AskedAnswer;
use app::settings::{Contact, Settings};
use app::showcase::{ExtraMoney, PageData, PageWish};
use app::{App, AttemptRefusal, CancelAnswer, CheckAnswer, LookupAnswer, Showing};
use domain::limits::COMPLETED_AFTER_MS;
use domain::order::{Order, State, Why};
use domain::refund::{Refund, done, returned};
use domain::{AccountId, Currency, Millis, Money, OrderId};
use lambda_http::http::header::{CACHE_CONTROL, HeaderValue};
use lambda_http::{Body, Request, Response};
use payments::{Created, Started};
use store::PageOrder;

/// An order with everything its page shows, and with who looks at it.
struct Opened<'a> {
    app: &'a App,
    request: &'a Request,
    visit: Visit,
    data: PageData,
    found: PageOrder,
    access: Access,
}

pub(crate) async fn handle(app: &App, path: &str, id: &str, request: &Request) -> Answer {
    let id = OrderId::parse(id).ok_or(Problem::NotFound)?;
    let given = web::query(request, "t");
    if path == "/o/{id}" && !given.is_empty() {
        return take_token(app, &id, &given, request).await;
    }
    if path == "/o/{id}/unlock" {
        return unlock(app, &id, request).await;
    }
    let opened = open(app, id, request).await?;
    match path {
        "/o/{id}" => opened.show().await,
        "/o/{id}/qr.png" => opened.code().await,
        "/o/{id}/link.png" => opened.link_code(),
        _ => match Form::read(app, request) {
            Err((status, trouble)) => Ok(web::trouble(&opened.visit, request, status, trouble)),
            // Only the holder of the order moves it. Whoever has lost it is shown how to show that it is theirs.
            Ok(_) if opened.access == Access::Locked => Ok(web::see_other(&format!("/o/{id}"))),
            Ok(form) => opened.press(path, &form).await,
        },
    }
}

/// Reads an order with everything its page shows, in one call. An order that is not there and one that was given up before it
/// existed look alike.
async fn open<'a>(app: &'a App, id: OrderId, request: &'a Request) -> Result<Opened<'a>, Problem> {
    let mut data = app.page(&PageWish { order: Some(id), ..PageWish::default() }).await?;
    let found = data.orders.remove(&id).filter(|f| f.order.state != State::Void).ok_or(Problem::NotFound)?;
    let access = access(app, request, &found.order);
    let visit = Visit::new(app, request, data.showcase.clone());
    Ok(Opened { app, request, visit, data, found, access })
}

/// The product of an order. One that was archived since has no page, but its orders have.
pub(crate) async fn listed_of(app: &App, data: &PageData, order: &Order) -> Result<Option<Listed>, Problem> {
    match data.showcase.product(&order.product) {
        Some(listed) => Ok(Some(listed.clone())),
        None => Ok(app.listed(&order.product).await?),
    }
}

/// The code with which an order can be found again; none when its buyer set a password.
pub(crate) fn code_of(app: &App, found: &PageOrder) -> Option<String> {
    let id = &found.order.id;
    let code = app.keys.collection_code(id);
    app::keys::equal(&app.keys.password(id, &code), &found.password_hash).then_some(code)
}

/// Whom the buyer of a product asks.
pub(crate) fn support_of<'a>(listed: Option<&'a Listed>, settings: &'a Settings) -> &'a [Contact] {
    let own = listed.map(|listed| listed.look.support.as_slice()).filter(|support| !support.is_empty());
    own.unwrap_or(&settings.support)
}

/// What a device's cookie opens.
pub(crate) fn access(app: &App, request: &Request, order: &Order) -> Access {
    let cookie = web::cookie(request, &web::order_cookie(&order.id)).unwrap_or_default();
    match cookie.split_once('.') {
        Some((level, token)) if app.keys.opens(token, &order.id, order.token_epoch) => {
            if level == "1" {
                Access::Open
            } else {
                Access::Covered
            }
        }
        _ => Access::Locked,
    }
}

/// The link of an order: the token goes into a cookie and out of the address, so that no history, no referrer and no picture of
/// the screen holds it. A device that knows the order already keeps its keys open.
async fn take_token(app: &App, id: &OrderId, token: &str, request: &Request) -> Answer {
    let address = format!("/o/{id}");
    let mut response = web::see_other(&address);
    let order = app.store.order(id).await?.filter(|order| order.state != State::Void);
    // A link that opens nothing takes nothing away either: whoever sends one must not lock the buyer out.
    if let Some(order) = order.filter(|order| app.keys.opens(token, id, order.token_epoch))
        && access(app, request, &order) == Access::Locked
    {
        web::open_order(app, &mut response, &order, Access::Covered);
    }
    Ok(response)
}

async fn unlock(app: &App, id: &OrderId, request: &Request) -> Answer {
    let form = match Form::read(app, request) {
        Ok(form) => form,
        Err((status, trouble)) => {
            let visit = Visit::new(app, request, app.showcase().await?);
            return Ok(web::trouble(&visit, request, status, trouble));
        }
    };
    let address = format!("/o/{id}");
    let (contact, password) = (form.text("contact").trim(), form.text("query_password"));
    let answer = match crate::lookup_page::fits(contact, password) {
        true => app.look_up(contact, password, &source_address(request)).await?,
        false => LookupAnswer::Orders(Vec::new()),
    };
    Ok(match answer {
        LookupAnswer::Orders(orders) => match orders.iter().find(|order| order.id == *id) {
            Some(order) => {
                let mut response = web::see_other(&address);
                web::open_order(app, &mut response, order, Access::Covered);
                web::remember_order(app, request, &mut response, id);
                response
            }
            None => web::see_other(&format!("{address}?n=none")),
        },
        LookupAnswer::TooOften { seconds } => web::see_other(&format!("{address}?n=shut-{}", (seconds + 59) / 60)),
    })
}

/// What a page tells after a press, in the address: whoever makes one up fools only themselves.
fn notice_of(text: &str) -> Option<CheckNotice> {
    let number = |start: &str| text.strip_prefix(start)?.parse::<i64>().ok().filter(|n| (0..=3_600).contains(n));
    Some(match text {
        "found" => CheckNotice::Found,
        "not_yet" => CheckNotice::NotYet,
        "no_answer" => CheckNotice::NoAnswer,
        "not_waiting" => CheckNotice::NotWaiting,
        "channel_down" => CheckNotice::ChannelDown,
        "unavailable" => CheckNotice::Unavailable,
        "none" => CheckNotice::UnlockNone,
        "mailed" => CheckNotice::Mailed,
        "mailed_enough" => CheckNotice::MailedEnough,
        _ => match (number("wait-"), number("shut-")) {
            (Some(seconds), _) => CheckNotice::TooSoon(seconds),
            (_, Some(minutes)) => CheckNotice::UnlockShut(minutes),
            _ => return None,
        },
    })
}

fn word_of(notice: CheckNotice) -> String {
    match notice {
        CheckNotice::Found => "found".to_owned(),
        CheckNotice::NotYet => "not_yet".to_owned(),
        CheckNotice::NoAnswer => "no_answer".to_owned(),
        CheckNotice::NotWaiting => "not_waiting".to_owned(),
        CheckNotice::ChannelDown => "channel_down".to_owned(),
        CheckNotice::Unavailable => "unavailable".to_owned(),
        CheckNotice::UnlockNone => "none".to_owned(),
        CheckNotice::Mailed => "mailed".to_owned(),
        CheckNotice::MailedEnough => "mailed_enough".to_owned(),
        CheckNotice::TooSoon(seconds) => format!("wait-{seconds}"),
        CheckNotice::UnlockShut(minutes) => format!("shut-{minutes}"),
    }
}

/// The number under which money went back: a person's own, or that of the payment, under which the buyer's app shows both.
fn reference_of(order: &Order, refund: &Refund) -> String {
    if refund.by_hand {
        return refund.reference.clone();
    }
    let paid = order.settled.as_ref().filter(|settled| !settled.txn.is_attested());
    paid.map(|settled| settled.txn.provider_number()).unwrap_or_default()
}

/// Where an order stands, as its buyer reads it. `can_pay` says whether there is something to pay by.
pub(crate) fn stage(order: &Order, now: Millis, can_pay: bool, can_refund: bool) -> Stage {
    match order.state {
        State::Held if order.expires_at <= now => Stage::Checking,
        State::Held => {
            let seconds_left = (order.expires_at - now).div_euclid(1_000);
            if can_pay { Stage::Awaiting { seconds_left } } else { Stage::NoCode { seconds_left } }
        }
        State::Review => Stage::Review,
        State::Paid => Stage::Paid { since: (now - order.paid_at.unwrap_or(now)).max(0).div_euclid(1_000) },
        // Nothing moves a delivered order; what is left of it for its buyer is that the money is back.
        State::Delivered if done(&order.refunds) > 0 && done(&order.refunds) >= order.paid_minor() => {
            let last = order.refunds.last();
            let reference = last.map(|refund| reference_of(order, refund)).unwrap_or_default();
            Stage::Refunded { at: last.map_or(now, |refund| refund.at), reference }
        }
        State::Delivered if order.delivered_at.is_some_and(|at| now - at >= COMPLETED_AFTER_MS) => Stage::Completed,
        State::Delivered => Stage::Delivered,
        State::Expired if matches!(order.why, Some(Why::Cancelled | Why::Failed)) => Stage::Cancelled,
        State::Expired | State::Void => Stage::Expired,
        State::Late => Stage::Late,
        State::RefundDue => {
            let why = match order.why {
                Some(Why::Seller) => RefundWhy::Seller,
                Some(Why::Review) => RefundWhy::Review,
                _ => RefundWhy::SoldOutWhenPaid,
            };
            Stage::RefundDue { why, by_hand: !can_refund }
        }
        State::Refunded => {
            let last = order.refunds.last();
            let at = last.map_or(now, |refund| refund.at);
            Stage::Refunded { at, reference: last.map(|refund| reference_of(order, refund)).unwrap_or_default() }
        }
    }
}

/// Milliseconds after its end in which a page still expects late money.
const LATE_MS: i64 = 30 * 60_000;

/// How long a page waits before it asks again, ms. Money that is there becomes a key within a second, so that second is worth a
/// few questions; a buyer who has not paid yet is asked about rarely.
fn next_poll_ms(order: &Order, now: Millis) -> i64 {
    let since = now - order.paid_at.unwrap_or(now);
    match order.state {
        State::Paid if since < 5_000 => 300,
        State::Paid if since < 15_000 => 1_000,
        State::Paid if since < 120_000 => 3_000,
        State::Held => ((now - order.created_at) / 10).clamp(2_000, 10_000),
        // What cannot change is not asked about again.
        State::Delivered | State::Refunded | State::Void => 0,
        State::Expired if now - order.expires_at > LATE_MS => 0,
        State::RefundDue | State::Review => 30_000,
        _ => 10_000,
    }
}

impl Opened<'_> {
    async fn show(&self) -> Answer {
        let order = &self.found.order;
        // The page says after two minutes that the shop has been told; so it is told.
        if let Err(error) = self.app.tell_person_when_slow(order).await {
            tracing::warn!(order = %order.id, %error, "left to the sweep");
        }
        if self.app.seems_stuck(order)
            && let Err(error) = self.app.send_again(order).await
        {
            tracing::warn!(order = %order.id, %error, "left to the sweep");
        }
        let notice = notice_of(&web::query(self.request, "n"));
        self.answer(order, notice, web::query(self.request, "part") == "main").await
    }

    async fn answer(&self, order: &Order, notice: Option<CheckNotice>, is_part: bool) -> Answer {
        let product = listed_of(self.app, &self.data, &self.found.order).await?;
        let view = self.view(order, product.as_ref(), notice).await?;
        let seen = self.request.headers().get("x-state").and_then(|v| v.to_str().ok());
        if is_part && notice.is_none() && seen == Some(view.version.as_str()) {
            let mut response = respond(204, "text/html; charset=utf-8", "");
            if let Ok(value) = HeaderValue::from_str(&view.next_poll_ms.to_string()) {
                response.headers_mut().insert("x-poll-ms", value);
            }
            return Ok(response);
        }
        let gateway = match view.payment.as_ref().map(|payment| &payment.shown) {
            Some(Created::Form { action, .. }) => origin_of(action),
            _ => None,
        };
        let frame = self.visit.frame();
        let html = if is_part { pages::order_main(&frame, &view) } else { pages::order(&frame, &view) };
        Ok(web::page(&self.visit, self.request, 200, html, gateway.as_deref()))
    }

    async fn view<'v>(
        &'v self,
        order: &Order,
        product: Option<&'v Listed>,
        notice: Option<CheckNotice>,
    ) -> Result<OrderView<'v>, Problem> {
        let now = self.app.clock.now();
        let showcase = &self.data.showcase;
        let newest = order.newest_attempt();
        let account = newest.map(|attempt| attempt.account.clone()).ok_or(Problem::Unavailable)?;
        let setting = newest.and_then(|attempt| showcase.channel(&attempt.account));
        let mut payment = None;
        if order.state == State::Held
            && order.expires_at > now
            && let (Some(attempt), Some(setting), Some(listed)) = (newest, setting, product)
            && let Some(Started { shown, due, .. }) =
                self.app.shown(order, attempt, &listed.product, setting, &web::viewer(self.request)).await?
        {
            payment = Some(PaymentView { method: method_of(setting), attempt: attempt.no.attempt, shown, due });
        }
        let can_refund = order.settled.as_ref().is_some_and(|settled| {
            let account = order.attempt(settled.attempt).map(|attempt| &attempt.account);
            account
                .and_then(|account| showcase.channel(account))
                .is_some_and(|setting| setting.can_refund(&settled.txn))
        });
        let stage = stage(order, now, payment.is_some(), can_refund);
        let currency = newest.map_or(Currency::CNY, |attempt| attempt.currency);
        let money = |minor| Money { minor, currency };
        let is_locked = self.access == Access::Locked;
        let token = || self.app.keys.order_token(&order.id, order.token_epoch);
        let others = match (&stage, product) {
            (Stage::Awaiting { .. } | Stage::NoCode { .. }, Some(listed)) if !is_locked => {
                // With nothing to pay by, the same account may be asked once more.
                let is_shown = |a: &AccountId| payment.is_some() && newest.is_some_and(|n| n.account == *a);
                let accounts = listed.product.channels.iter().filter(|a| !is_shown(a));
                let settings = accounts.filter_map(|account| showcase.channel(account));
                let usable = settings.filter(|s| s.enabled && s.channel.currency() == currency).map(method_of);
                usable.filter(|method| works(method.kind, self.visit.frame().env)).collect()
            }
            _ => Vec::new(),
        };
        Ok(OrderView {
            id: order.id.to_string(),
            access: self.access,
            version: version(order, &stage, &self.data.extras, self.access, payment.is_some()),
            stage,
            next_poll_ms: next_poll_ms(order, now),
            product_name: product.map_or("", |listed| listed.product.name.as_str()),
            product: product.map_or("", |listed| listed.product.id.as_str()),
            quantity: order.quantity,
            amount: money(newest.map_or(0, |attempt| attempt.minor)),
            paid: order.settled.is_some().then(|| money(order.paid_minor())),
            returned: money(match order.state {
                State::RefundDue => order.paid_minor(),
                _ => returned(&order.refunds),
            }),
            created_at: order.created_at,
            expires_at: order.expires_at,
            paid_at: order.paid_at,
            delivered_at: order.delivered_at,
            // Nothing deletes a delivered order, so there is no day after which its keys cannot be seen.
            viewable_until: None,
            payment: if is_locked { None } else { payment },
            others,
            method: setting.map_or(MethodKind::Gateway, |setting| method_of(setting).kind),
            extras: if is_locked { Vec::new() } else { self.extras() },
            notice,
            contact: (!is_locked).then(|| self.found.contact.clone()).filter(|contact| !contact.is_empty()),
            collection_code: if is_locked { None } else { code_of(self.app, &self.found) },
            link: (!is_locked).then(|| format!("{}/o/{}?t={}", self.app.config.public_url, order.id, token())),
            can_mail: !is_locked && self.app.may_mail_link(showcase, &self.found),
            support: support_of(product, &showcase.settings),
            timeline: timeline(order),
            warranty_days: product.map_or(0, |listed| listed.look.warranty_days),
            account,
        })
    }

    fn extras(&self) -> Vec<Extra> {
        let extra = |extra: &ExtraMoney| {
            let amount = Money { minor: extra.minor, currency: Currency::parse(&extra.currency)? };
            let setting = AccountId::parse(&extra.account).and_then(|account| self.data.showcase.channel(&account));
            Some(match extra.reason.as_str() {
                "wrong_amount" => Extra::WrongAmount { got: amount },
                _ => Extra::Double {
                    amount,
                    method: setting.map_or(MethodKind::Gateway, |setting| method_of(setting).kind),
                    at: extra.at,
                },
            })
        };
        self.data.extras.iter().filter_map(extra).collect()
    }

    /// The code of the newest attempt, as a picture.
    async fn code(&self) -> Answer {
        let order = &self.found.order;
        let product = listed_of(self.app, &self.data, &self.found.order).await?;
        let (Some(attempt), Some(listed)) = (order.newest_attempt(), product) else { return Err(Problem::NotFound) };
        let setting = self.data.showcase.channel(&attempt.account).ok_or(Problem::NotFound)?;
        if self.access == Access::Locked || order.state != State::Held {
            return Err(Problem::NotFound);
        }
        match self.app.shown(order, attempt, &listed.product, setting, &web::viewer(self.request)).await? {
            Some(Started { shown: Created::Qr(text), .. }) => picture(&text, "private, max-age=900"),
            _ => Err(Problem::NotFound),
        }
    }

    /// The code of the order's link, for another device.
    fn link_code(&self) -> Answer {
        let order = &self.found.order;
        if self.access == Access::Locked {
            return Err(Problem::NotFound);
        }
        let token = self.app.keys.order_token(&order.id, order.token_epoch);
        // It holds the token, so no device keeps it longer than it looks at it.
        picture(&format!("{}/o/{}?t={token}", self.app.config.public_url, order.id), "no-store")
    }

    /// A button of the page.
    async fn press(&self, path: &str, form: &Form) -> Answer {
        let order = &self.found.order;
        let (order, notice) = match path {
            "/o/{id}/check" => self.check(order).await?,
            // It tells of what is so and changes nothing, so it goes on while the shop is closed.
            "/o/{id}/mail" => (order.clone(), Some(self.mail().await?)),
            // While the shop is closed after a restore it takes in money and changes nothing else.
            _ if self.app.is_closed().await? => return Err(Problem::ShopClosed),
            "/o/{id}/cancel" => match self.app.cancel_order(order).await? {
                CancelAnswer::Closed(order) => (*order, None),
                CancelAnswer::NotWaiting(order) => (*order, Some(CheckNotice::NotWaiting)),
            },
            _ => self.pay_otherwise(order, form).await?,
        };
        if self.request.headers().get("x-part").is_some_and(|part| part == "main") {
            return self.answer(&order, notice, true).await;
        }
        let told = notice.map_or(String::new(), |notice| format!("?n={}", word_of(notice)));
        Ok(web::see_other(&format!("/o/{}{told}", order.id)))
    }

    async fn check(&self, order: &Order) -> Result<(Order, Option<CheckNotice>), Problem> {
        Ok(match self.app.check_payment(order).await? {
            CheckAnswer::TooOften { seconds } => (order.clone(), Some(CheckNotice::TooSoon(seconds))),
            CheckAnswer::Asked { order, unanswered } => {
                let notice = match order.state {
                    State::Held | State::Expired if unanswered => CheckNotice::NoAnswer,
                    State::Held | State::Expired => CheckNotice::NotYet,
                    State::Paid | State::Late => CheckNotice::Found,
                    _ => return Ok((*order, None)),
                };
                (*order, Some(notice))
            }
        })
    }

    /// Sends the order's link to its own contact, and to nobody else.
    async fn mail(&self) -> Result<CheckNotice, Problem> {
        if !self.app.may_mail_link(&self.data.showcase, &self.found) {
            return Ok(CheckNotice::Unavailable);
        }
        Ok(match self.app.ask_for_link(&self.data.showcase, &self.found, self.visit.lang.stored()).await? {
            AskedAnswer::Sent => CheckNotice::Mailed,
            AskedAnswer::Enough => CheckNotice::MailedEnough,
            AskedAnswer::Unavailable => CheckNotice::Unavailable,
        })
    }

    async fn pay_otherwise(&self, order: &Order, form: &Form) -> Result<(Order, Option<CheckNotice>), Problem> {
        let account = AccountId::parse(form.text("channel")).ok_or(Problem::BadRequest("No such way to pay."))?;
        Ok(match self.app.another_attempt(order, &account).await? {
            Ok(made) => {
                let attempt = made.order.attempt(made.number).ok_or(Problem::Unavailable)?;
                let viewer = web::viewer(self.request);
                let showing =
                    self.app.show(&made.order, attempt, &made.product, &made.channel, &viewer, made.is_new).await?;
                let notice = matches!(showing, Showing::Not(_)).then_some(CheckNotice::ChannelDown);
                (made.order, notice)
            }
            Err(AttemptRefusal::NotWaiting | AttemptRefusal::TooLate) => (order.clone(), Some(CheckNotice::NotWaiting)),
            Err(_) => (order.clone(), Some(CheckNotice::ChannelDown)),
        })
    }
}

/// Names everything that changes the page, coarsely: a page is swapped when this changes, and only then.
fn version(order: &Order, stage: &Stage, extras: &[ExtraMoney], access: Access, can_pay: bool) -> String {
    let patience = match stage {
        Stage::Paid { since } => pages::patience(*since),
        Stage::Checking => 3,
        Stage::Completed => 4,
        _ => 0,
    };
    let refunds: String =
        order.refunds.iter().map(|refund| refund.state.as_str().chars().take(1).collect::<String>()).collect();
    format!(
        "{}.{}.{}.{patience}.{}{refunds}.{}.{}",
        order.state.as_str().to_ascii_lowercase(),
        order.generation,
        order.attempts.len(),
        extras.len(),
        match access {
            Access::Locked => "l",
            Access::Covered => "c",
            Access::Open => "o",
        },
        u8::from(can_pay),
    )
}

fn timeline(order: &Order) -> Vec<(Happened, Millis)> {
    let mut timeline = vec![(Happened::Created, order.created_at)];
    timeline.extend(order.paid_at.map(|at| (Happened::Paid, at)));
    timeline.extend(order.delivered_at.map(|at| (Happened::Delivered, at)));
    timeline.extend(order.refunds.iter().map(|refund| (Happened::Refund, refund.at)));
    timeline
}

/// A code as a picture that at most this browser keeps.
fn picture(text: &str, kept: &'static str) -> Answer {
    let png = pages::qr::png(text).ok_or(Problem::NotFound)?;
    let mut response: Response<Body> = respond(200, "image/png", Body::Binary(png));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    Ok(response)
}

/// The origin of an address that a channel's configuration gave.
fn origin_of(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://").filter(|(scheme, _)| matches!(*scheme, "https" | "http"))?;
    let host = rest.split(['/', '?']).next()?;
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    (!host.is_empty() && host.bytes().all(good)).then(|| format!("{scheme}://{host}"))
}
