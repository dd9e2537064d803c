//! The seller: puts the product on sale, counts cards, and reads what needs a person.

use crate::http::{Answer, Request};
use crate::shop::PASSWORD;
use crate::world::{Patience, Step, World};
use serde_json::{Value, json};
use std::sync::Arc;

/// The one product of the trial.
pub const PRODUCT: &str = "kill";
/// What one card costs, in fen.
pub const PRICE: i64 = 990;

/// How often a session may be refused in one question before that itself is wrong.
const SIGN_INS: u32 = 5;

/// Cards by state, as the seller reads them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stock {
    /// All that ever came in.
    pub imported: u64,
    /// On sale.
    pub free: u64,
    /// Held for orders that are not paid.
    pub held: u64,
    /// Of paid orders.
    pub sold: u64,
    /// Taken out by the seller.
    pub removed: u64,
}

/// One row of what needs a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// Its kind.
    pub kind: String,
    /// The order it is about.
    pub order: String,
    /// All of it, for a report.
    pub text: String,
}

/// A seller who signs in as often as it takes.
#[derive(Debug)]
pub struct Seller {
    world: Arc<World>,
    token: String,
}

impl Seller {
    /// A seller who has not signed in yet.
    pub fn new(world: Arc<World>) -> Seller {
        Seller { world, token: String::new() }
    }

    async fn sign_in(&mut self, patience: &Patience<'_>) -> Result<(), String> {
        let request = Request::post("/api/admin/login", &json!({"username": "admin", "password": PASSWORD}));
        let read = |answer: &Answer, _: u32| match (answer.status, answer.json()["token"].as_str()) {
            (200, Some(token)) => Step::Done(token.to_owned()),
            (429, _) => Step::Again,
            _ => Step::Wrong("the seller is not let in"),
        };
        self.token = self.world.ask("signing in", patience, &request, read).await?;
        Ok(())
    }

    /// Asks as the seller, and signs in again when the session is no longer known.
    async fn ask<T>(
        &mut self,
        what: &str,
        request: Request,
        read: impl Fn(&Answer, u32) -> Step<T>,
    ) -> Result<T, String> {
        let world = self.world.clone();
        let patience = Patience::new(&world);
        for _ in 0..SIGN_INS {
            if self.token.is_empty() {
                self.sign_in(&patience).await?;
            }
            let request = request.clone().bearer(&self.token);
            let known = |answer: &Answer, sent: u32| match answer.status {
                401 => Step::Done(None),
                429 => Step::Again,
                _ => match read(answer, sent) {
                    Step::Done(end) => Step::Done(Some(end)),
                    Step::Again => Step::Again,
                    Step::Wrong(why) => Step::Wrong(why),
                },
            };
            if let Some(end) = world.ask(what, &patience, &request, known).await? {
                return Ok(end);
            }
            self.token.clear();
        }
        Err(format!("{what}: the seller's session was refused {SIGN_INS} times"))
    }

    /// Creates the product. A repeated create may find its own product there.
    pub async fn product(&mut self) -> Result<(), String> {
        let product = json!({
            "id": PRODUCT, "name": "Kill", "kind": "single_use_key",
            "price": {"amount_minor": PRICE, "currency": "CNY"}, "channels": ["sandbox"],
        });
        let read = |answer: &Answer, sent: u32| match (answer.status, sent) {
            (201, _) => Step::Done(()),
            (409, 2..) => Step::Done(()),
            _ => Step::Wrong("the product was not made"),
        };
        self.ask("making the product", Request::post("/api/admin/products", &product), read).await
    }

    /// Brings the cards in, the same part again and again until an answer says that all are there.
    pub async fn cards(&mut self, cards: &[String]) -> Result<(), String> {
        let path = format!("/api/admin/products/{PRODUCT}/cards?import_id=kill&part=1");
        let all = cards.len() as u64;
        let read = |answer: &Answer, _: u32| {
            let said = answer.json();
            let number = |name: &str| said[name].as_u64().unwrap_or_default();
            match answer.status {
                200 if number("rejected_count") > 0 => Step::Wrong("cards were rejected"),
                200 if number("imported") + number("duplicates") == all => Step::Done(()),
                200 => Step::Again,
                _ => Step::Wrong("the cards were not taken"),
            }
        };
        self.ask("bringing cards in", Request::post_text(path, &cards.join("\n")), read).await
    }

    /// Counts the cards.
    pub async fn stock(&mut self) -> Result<Stock, String> {
        let read = |answer: &Answer, _: u32| {
            let said = answer.json();
            let number = |name: &str| said[name].as_u64();
            let stock = || {
                Some(Stock {
                    imported: number("imported")?,
                    free: number("free")?,
                    held: number("held")?,
                    sold: number("sold")?,
                    removed: number("removed")?,
                })
            };
            match (answer.status, stock()) {
                (200, Some(stock)) => Step::Done(stock),
                _ => Step::Wrong("the cards were not counted"),
            }
        };
        self.ask("counting cards", Request::get(format!("/api/admin/products/{PRODUCT}/cards")), read).await
    }

    /// What needs a person.
    pub async fn attention(&mut self) -> Result<Vec<Row>, String> {
        let read = |answer: &Answer, _: u32| {
            let said = answer.json();
            let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
            let row = |row: &Value| Row { kind: text(row, "kind"), order: text(row, "order"), text: row.to_string() };
            match (answer.status, said["rows"].as_array()) {
                (200, Some(rows)) => Step::Done(rows.iter().map(row).collect()),
                _ => Step::Wrong("what needs a person was not told"),
            }
        };
        self.ask("reading what needs a person", Request::get("/api/admin/attention"), read).await
    }
}
