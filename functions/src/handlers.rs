//! The HTTP functions as types: a bin that names one holds the code of that one and of no other, which makes it a third smaller.

use crate::http::Answer;
use crate::routes::Function;
use crate::{admin, cards, create_order, desk, order, order_form, payment_webhook, reveal, storefront};
use app::App;
use lambda_http::Request;
use std::future::Future;

/// An HTTP function.
pub trait Handler {
    /// Its name in the table of addresses.
    const FUNCTION: Function;

    /// Answers a request for one of its addresses: the route's path, what stands for the path's parameter, and the request.
    fn answer(app: &App, path: &str, parameter: &str, request: &Request) -> impl Future<Output = Answer> + Send;
}

/// [`Function::Storefront`]
#[derive(Debug)]
pub struct Storefront;
impl Handler for Storefront {
    const FUNCTION: Function = Function::Storefront;
    async fn answer(app: &App, path: &str, parameter: &str, request: &Request) -> Answer {
        storefront::handle(app, path, parameter, request).await
    }
}

/// [`Function::CreateOrder`]
#[derive(Debug)]
pub struct CreateOrder;
impl Handler for CreateOrder {
    const FUNCTION: Function = Function::CreateOrder;
    async fn answer(app: &App, path: &str, parameter: &str, request: &Request) -> Answer {
        match path {
            "/p/{product}" => order_form::handle(app, parameter, request).await,
            _ => create_order::handle(app, request).await,
        }
    }
}

/// [`Function::Order`]
#[derive(Debug)]
pub struct Order;
impl Handler for Order {
    const FUNCTION: Function = Function::Order;
    async fn answer(app: &App, path: &str, parameter: &str, request: &Request) -> Answer {
        order::handle(app, path, parameter, request).await
    }
}

/// [`Function::Reveal`]
#[derive(Debug)]
pub struct Reveal;
impl Handler for Reveal {
    const FUNCTION: Function = Function::Reveal;
    async fn answer(app: &App, path: &str, parameter: &str, request: &Request) -> Answer {
        reveal::handle(app, path, parameter, request).await
    }
}

/// [`Function::PaymentWebhook`]
#[derive(Debug)]
pub struct PaymentWebhook;
impl Handler for PaymentWebhook {
    const FUNCTION: Function = Function::PaymentWebhook;
    async fn answer(app: &App, _: &str, parameter: &str, request: &Request) -> Answer {
        payment_webhook::handle(app, parameter, request).await
    }
}

/// [`Function::Admin`]
#[derive(Debug)]
pub struct Admin;
impl Handler for Admin {
    const FUNCTION: Function = Function::Admin;
    async fn answer(app: &App, path: &str, parameter: &str, request: &Request) -> Answer {
        admin::handle(app, path, parameter, request).await
    }
}

/// [`Function::Desk`]
#[derive(Debug)]
pub struct Desk;
impl Handler for Desk {
    const FUNCTION: Function = Function::Desk;
    async fn answer(app: &App, path: &str, parameter: &str, request: &Request) -> Answer {
        desk::handle(app, path, parameter, request).await
    }
}

/// [`Function::Cards`]
#[derive(Debug)]
pub struct Cards;
impl Handler for Cards {
    const FUNCTION: Function = Function::Cards;
    async fn answer(app: &App, _: &str, parameter: &str, request: &Request) -> Answer {
        cards::handle(app, parameter, request).await
    }
}
