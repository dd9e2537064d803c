//! What is sold, and what a buyer may ask for.

use crate::ids::{AccountId, ProductId};
use crate::limits;
use crate::money::Money;

/// How a product reaches its buyer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Each card belongs to one buyer (一次性卡密).
    SingleUseKey,
}

impl Kind {
    /// The word in the API and in the tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Kind::SingleUseKey => "single_use_key",
        }
    }

    /// Reads that word.
    pub fn parse(text: &str) -> Option<Kind> {
        (text == Kind::SingleUseKey.as_str()).then_some(Kind::SingleUseKey)
    }
}

/// A field the seller asks the buyer to fill in, such as a game account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name in the request: `[a-z0-9_]{1,32}`.
    pub id: String,
    /// What the buyer reads.
    pub label: String,
    /// Whether an order without it is refused.
    pub required: bool,
}

/// Something on sale.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// What buyers read, 1 to 200 characters.
    pub name: String,
    /// How it is delivered.
    pub kind: Kind,
    /// The price of one card.
    pub price: Money,
    /// The channel accounts that may be paid through.
    pub channels: Vec<AccountId>,
    /// The smallest quantity of one order.
    pub min_quantity: u32,
    /// The largest quantity of one order.
    pub max_quantity: u32,
    /// What the seller asks the buyer.
    pub fields: Vec<Field>,
    /// Whether a person looks at every paid order before delivery (人工审核).
    pub review: bool,
    /// Whether new orders are taken.
    pub on_sale: bool,
    /// Archived: gone from every list, its id never used again.
    pub archived: bool,
    /// Counts the changes, so that two editors cannot overwrite each other unseen.
    pub version: u32,
}

/// Why a request does not fit a product. In order of precedence: the first that applies is the answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unfit {
    /// Not on sale, or archived.
    OffSale,
    /// The price the buyer saw is not the price.
    PriceChanged,
    /// Outside min and max.
    QuantityRange,
    /// The channel is not one of the product's.
    Channel,
    /// Price times quantity is more than an order may cost.
    AmountTooLarge,
}

impl Product {
    /// Checks a wish against the product and answers what it costs.
    pub fn price_of(&self, quantity: u32, channel: &AccountId, price_seen: Option<Money>) -> Result<Money, Unfit> {
        if !self.on_sale || self.archived {
            return Err(Unfit::OffSale);
        }
        if price_seen.is_some_and(|seen| seen != self.price) {
            return Err(Unfit::PriceChanged);
        }
        if !(self.min_quantity..=self.max_quantity.min(limits::QUANTITY_MAX)).contains(&quantity) {
            return Err(Unfit::QuantityRange);
        }
        if !self.channels.contains(channel) {
            return Err(Unfit::Channel);
        }
        self.price.times(quantity).ok_or(Unfit::AmountTooLarge)
    }
}
