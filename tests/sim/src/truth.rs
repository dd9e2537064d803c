//! What is right, by what providers hold and what people were shown. Nothing here reads a table or asks the shop.

use crate::provider::{Town, Trade};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One order, as its buyer knows it.
#[derive(Clone, Debug)]
pub struct Known {
    /// The product.
    pub product: String,
    /// How many.
    pub quantity: u32,
    /// What is to be paid, in fen.
    pub minor: i64,
    /// The token that opens it.
    pub token: String,
    /// What may be paid: account, number, fen.
    pub attempts: Vec<(&'static str, String, i64)>,
    /// What its buyer read last.
    pub status: String,
    /// The keys, once they were shown.
    pub keys: Option<Vec<String>>,
    /// Whether its money went back instead of a key: then no key may be shown.
    pub refunded: bool,
}

/// One card.
#[derive(Clone, Debug)]
struct Card {
    product: String,
    /// The shop said that it is in.
    is_in: bool,
    /// The shop said that it is out of sale.
    is_out: bool,
    owner: Option<String>,
}

/// What was sent to the shop about a product's stock.
#[derive(Clone, Copy, Default, Debug)]
struct Stock {
    /// Cards that the shop said are in.
    in_: u64,
    /// Cards that were ever asked to go out.
    out: u64,
    /// Cards that requests may hold, each try counted.
    claimed: u64,
}

/// What is right.
#[derive(Debug)]
pub struct Truth {
    town: Arc<Town>,
    /// Orders by id.
    pub orders: BTreeMap<String, Known>,
    cards: BTreeMap<String, Card>,
    stock: BTreeMap<String, Stock>,
    /// What a person decided about money that settled no order, by trade number.
    pub decided: BTreeSet<String>,
    /// The order of each number that a buyer was shown.
    numbers: BTreeMap<String, String>,
    /// What must not be and was.
    pub violations: Vec<String>,
    /// Orders whose creation was asked for.
    pub wanted: u64,
}

/// Whether an order that was read as one may be read as the other later.
fn may_become(before: &str, after: &str) -> bool {
    let forward: &[&str] = match before {
        "" | "awaiting_payment" => return true,
        "closed" => &["late", "review", "paid", "delivered", "completed", "refund_due", "refunded"],
        "late" => &["review", "paid", "delivered", "completed", "refund_due", "refunded"],
        "review" => &["paid", "delivered", "completed", "refund_due", "refunded"],
        "paid" => &["delivered", "completed", "refund_due", "refunded"],
        // These two differ by the clock of whoever answers.
        "delivered" | "completed" => &["delivered", "completed"],
        "refund_due" => &["refunded"],
        _ => &[],
    };
    before == after || forward.contains(&after)
}

impl Truth {
    /// Nothing happened yet.
    pub fn new(town: Arc<Town>) -> Truth {
        Truth {
            town,
            orders: BTreeMap::new(),
            cards: BTreeMap::new(),
            stock: BTreeMap::new(),
            decided: BTreeSet::new(),
            numbers: BTreeMap::new(),
            violations: Vec::new(),
            wanted: 0,
        }
    }

    /// Something that must not be.
    pub fn wrong(&mut self, what: impl Into<String>) {
        if self.violations.len() < 20 {
            self.violations.push(what.into());
        }
    }

    /// Cards are sent to the shop.
    pub fn bring(&mut self, product: &str, cards: &[String]) {
        for card in cards {
            self.cards.entry(card.clone()).or_insert_with(|| Card {
                product: product.to_owned(),
                is_in: false,
                is_out: false,
                owner: None,
            });
        }
    }

    /// The shop said that they are in, or were before.
    pub fn brought(&mut self, cards: &[String]) {
        for card in cards {
            let card = self.cards.get_mut(card).unwrap();
            if !card.is_in {
                card.is_in = true;
                self.stock.entry(card.product.clone()).or_default().in_ += 1;
            }
        }
    }

    /// Cards that may still be sold, of those that the shop took in.
    pub fn unsold(&self, product: &str) -> Vec<String> {
        let of = |c: &&(&String, &Card)| c.1.product == product && c.1.is_in && c.1.owner.is_none();
        self.cards.iter().filter(|c| of(&c)).map(|(text, _)| text.clone()).collect()
    }

    /// Every product that cards were brought for.
    pub fn products(&self) -> Vec<String> {
        self.stock.keys().cloned().collect()
    }

    /// How many cards of a product the shop took in.
    pub fn taken_in(&self, product: &str) -> u64 {
        self.stock.get(product).map_or(0, |s| s.in_)
    }

    /// The seller asks for cards to go out of sale.
    pub fn remove(&mut self, product: &str, count: u64) {
        self.stock.entry(product.to_owned()).or_default().out += count;
    }

    /// The shop said that all of them are out of sale.
    pub fn removed(&mut self, cards: &[String]) {
        for card in cards {
            let card = self.cards.get_mut(card).unwrap();
            card.is_out = true;
            if let Some(owner) = card.owner.clone() {
                self.wrong(format!("a card of order {owner} was taken out of sale"));
            }
        }
    }

    /// A create is sent: it may hold cards from now on.
    pub fn want(&mut self, product: &str, quantity: u32) {
        self.stock.entry(product.to_owned()).or_default().claimed += u64::from(quantity);
    }

    /// The shop says that there is not enough.
    pub fn sold_out(&mut self, product: &str, quantity: u32) {
        let stock = self.stock.get(product).copied().unwrap_or_default();
        // Counted against the shop: only what nobody else can hold, with this very request taken as holding its cards already.
        if stock.in_ >= stock.out + stock.claimed {
            self.wrong(format!("sold out of {product} for {quantity}, with {stock:?}"));
        }
    }

    /// An order is there. Answers whether it is new.
    pub fn made(&mut self, id: &str, known: Known) -> bool {
        if let Some(old) = self.orders.get(id) {
            let same = (&old.product, old.quantity, old.minor, &old.token)
                == (&known.product, known.quantity, known.minor, &known.token);
            if !same {
                self.wrong(format!("order {id} is another one when its request is repeated"));
            }
            return false;
        }
        for (_, number, _) in &known.attempts {
            self.numbers.insert(number.clone(), id.to_owned());
        }
        self.orders.insert(id.to_owned(), known);
        true
    }

    /// A buyer was shown one more thing to pay.
    pub fn shown_attempt(&mut self, id: &str, account: &'static str, number: &str, minor: i64) {
        if let Some(order) = self.orders.get_mut(id)
            && !order.attempts.iter().any(|(_, known, _)| known == number)
        {
            order.attempts.push((account, number.to_owned(), minor));
            self.numbers.insert(number.to_owned(), id.to_owned());
        }
    }

    /// What somebody who asks now may be told at the earliest.
    pub fn status(&self, id: &str) -> String {
        self.orders.get(id).map(|o| o.status.clone()).unwrap_or_default()
    }

    /// An order was read; `before` is what was known when the question was asked.
    pub fn read(&mut self, id: &str, before: &str, status: &str) {
        if !may_become(before, status) {
            self.wrong(format!("order {id} went from {before} to {status}"));
        }
        if let Some(order) = self.orders.get_mut(id)
            && may_become(&order.status, status)
        {
            order.status = status.to_owned();
        }
        if matches!(status, "paid" | "delivered" | "completed") && self.payment_of(id).is_none() {
            self.wrong(format!("order {id} is {status}, and nobody paid it"));
        }
        let order = self.orders.get(id);
        if matches!(status, "refund_due" | "refunded")
            && let Some(order) = order
        {
            if order.keys.is_some() {
                self.wrong(format!("order {id} is {status}, and its keys were shown"));
            }
            self.orders.get_mut(id).unwrap().refunded = true;
        }
    }

    /// A payment that an order's price, account and number fit.
    pub fn payment_of(&self, id: &str) -> Option<Trade> {
        let order = self.orders.get(id)?;
        order.attempts.iter().find_map(|(account, number, minor)| {
            self.town.paid_for(account, number).into_iter().find(|trade| trade.minor == *minor)
        })
    }

    /// Keys were shown to whoever has the order's token.
    pub fn shown(&mut self, id: &str, keys: &[String]) {
        let Some(order) = self.orders.get(id).cloned() else {
            return self.wrong(format!("keys were shown for {id}, which nobody ordered"));
        };
        if order.refunded {
            self.wrong(format!("keys of {id} were shown after its money went back"));
        }
        if self.payment_of(id).is_none() {
            self.wrong(format!("keys of {id} were shown, and nobody paid them"));
        }
        if keys.len() != order.quantity as usize {
            self.wrong(format!("{} keys of {id} were shown, and {} were bought", keys.len(), order.quantity));
        }
        if order.keys.as_ref().is_some_and(|before| before != keys) {
            self.wrong(format!("other keys of {id} were shown than before"));
        }
        for key in keys {
            let wrong = match self.cards.get_mut(key) {
                None => Some("is none that was brought"),
                Some(card) if card.product != order.product => Some("is of another product"),
                Some(card) if card.owner.as_deref().is_some_and(|owner| owner != id) => {
                    Some("belongs to another order")
                }
                Some(card) if card.is_out => Some("was taken out of sale"),
                Some(card) => {
                    card.owner = Some(id.to_owned());
                    None
                }
            };
            if let Some(why) = wrong {
                self.wrong(format!("a key of {id} {why}"));
            }
        }
        self.orders.get_mut(id).unwrap().keys = Some(keys.to_vec());
    }

    /// How many cards of a product their buyers have.
    pub fn sold(&self, product: &str) -> u64 {
        let sold = self.cards.values().filter(|c| c.product == product && c.owner.is_some()).count();
        u64::try_from(sold).unwrap()
    }

    /// The order that a payment was for, if its number is one that a buyer was shown.
    pub fn order_of(&self, trade: &Trade) -> Option<(&String, &Known)> {
        let id = self.numbers.get(&trade.out_trade_no)?;
        let (id, order) = self.orders.get_key_value(id)?;
        order.attempts.iter().any(|(a, n, _)| *a == trade.account && *n == trade.out_trade_no).then_some((id, order))
    }
}
