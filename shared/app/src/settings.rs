//! What a shop and its products look like: words, pictures and choices of the seller. No rule about money or stock depends on
//! them; `closed` and `contact_kind` decide whether an order is taken. Kept as documents of the shop's table.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The shop's own words and choices.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The shop's name, 1 to 60 characters.
    pub name: String,
    /// The logo, an uploaded picture's id.
    pub logo: Option<String>,
    /// A line above the products, Markdown; empty for none.
    pub notice: String,
    /// What a buyer should know before buying (购买须知), Markdown; empty for none.
    pub purchase_notice: String,
    /// Whether a buyer must tick that they have read it. Asked by the form; a program that orders is its owner's business.
    pub must_agree: bool,
    /// When money is returned (退款政策), Markdown; empty for none.
    pub refund_policy: String,
    /// Links in the footer.
    pub links: Vec<Link>,
    /// The filing number (备案号); empty for none.
    pub filing_number: String,
    /// How buyers reach the shop.
    pub support: Vec<Contact>,
    /// When somebody answers, in the seller's words; empty for none.
    pub hours: String,
    /// The shop's colour, `#rrggbb`; none for the design's own green.
    pub colour: Option<String>,
    /// Why no new orders are taken (打烊); none while the shop is open. Paid orders are delivered all the same.
    pub closed: Option<String>,
    /// The shop's time zone, minutes east of UTC: 480 for China.
    pub utc_offset_minutes: i32,
    /// How long a refund usually takes, in the seller's words; empty for "1–3 working days" in the buyer's language.
    pub refund_takes: String,
    /// How long a review usually takes, in the seller's words; empty for "30 minutes" in the buyer's language.
    pub review_takes: String,
    /// The seller is told when so many cards of a product, or fewer, are left to sell.
    pub low_stock_at: u32,
    /// Mail to buyers; none is sent until the seller chooses so.
    pub buyer_mail: BuyerMail,
}

/// Mail to buyers: whose name it is sent in, and when.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BuyerMail {
    /// The address it comes from; empty when none is sent.
    pub from: String,
    /// When it is sent. Whatever this says, nobody is written to who has not paid for an order.
    pub on: BTreeSet<BuyerMailOn>,
}

impl BuyerMail {
    /// Whether mail is sent on this occasion.
    pub fn wants(&self, on: BuyerMailOn) -> bool {
        !self.from.is_empty() && self.on.contains(&on)
    }
}

/// An occasion for a mail to a buyer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuyerMailOn {
    /// The order was delivered.
    Delivered,
    /// The buyer pressed a button that asks for the link: on the order's page, or where orders are looked up.
    Asked,
}

impl Settings {
    /// Whether there is anything to read before buying.
    pub fn has_terms(&self) -> bool {
        !self.purchase_notice.is_empty() || !self.refund_policy.is_empty()
    }

    /// Whether the form asks for the tick: only when there is something to have read.
    pub fn asks_to_agree(&self) -> bool {
        self.must_agree && self.has_terms()
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: "Kamivend".to_owned(),
            logo: None,
            notice: String::new(),
            purchase_notice: String::new(),
            must_agree: false,
            refund_policy: String::new(),
            links: Vec::new(),
            filing_number: String::new(),
            support: Vec::new(),
            hours: String::new(),
            colour: None,
            closed: None,
            utc_offset_minutes: 480,
            refund_takes: String::new(),
            review_takes: String::new(),
            low_stock_at: 5,
            buyer_mail: BuyerMail::default(),
        }
    }
}

/// A link in the footer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Link {
    /// What buyers read, 1 to 40 characters.
    pub label: String,
    /// Where it leads: an `https://` address.
    pub url: String,
}

/// A way to reach the shop.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Contact {
    /// What kind of address it is.
    pub kind: SupportKind,
    /// A mail address, a number, a name, or an `https://` address, by kind.
    pub value: String,
}

/// Kinds of support contacts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupportKind {
    /// A mail address.
    Email,
    /// A QQ number.
    Qq,
    /// A WeChat name (微信号).
    Wechat,
    /// A Telegram name, without the `@`.
    Telegram,
    /// A telephone number.
    Phone,
    /// Any `https://` address.
    Link,
}

/// How a product is shown, and what the form asks of its buyer.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Presentation {
    /// A short line under the name, at most 120 characters; empty for none.
    pub summary: String,
    /// The category it is listed under, at most 30 characters; empty for none.
    pub category: String,
    /// A picture, an uploaded picture's id.
    pub picture: Option<String>,
    /// What a buyer's contact must be.
    pub contact_kind: ContactKind,
    /// How a card falls into parts (账号----密码); none when it is one piece.
    pub card_template: Option<CardTemplate>,
    /// Whether buyers see "in stock" instead of a number.
    pub hide_stock: bool,
    /// Listed first.
    pub pinned: bool,
    /// Smaller numbers are listed first.
    pub sort: i32,
    /// Not listed; opens by its link.
    pub hidden: bool,
    /// Days of warranty (售后); 0 for none.
    pub warranty_days: u32,
    /// How buyers of this product reach the shop; empty for the shop's own contacts.
    pub support: Vec<Contact>,
    /// Whether the mail that tells of a delivery holds the keys themselves, and not only the way to them.
    pub mail_keys: bool,
}

/// What a buyer's contact must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactKind {
    /// Anything.
    #[default]
    Any,
    /// A mail address.
    Email,
    /// A QQ number: 5 to 12 digits.
    Qq,
    /// A telephone number: 5 to 20 digits, with an optional leading `+`.
    Phone,
}

impl ContactKind {
    /// Whether a contact of this kind can be a mail address.
    pub fn may_be_mail(self) -> bool {
        matches!(self, ContactKind::Any | ContactKind::Email)
    }

    /// Whether a contact, trimmed, is of this kind. Length and control characters are somebody else's check.
    pub fn fits(self, contact: &str) -> bool {
        let digits = |text: &str, range: std::ops::RangeInclusive<usize>| {
            range.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        match self {
            ContactKind::Any => true,
            ContactKind::Email => contact.split_once('@').is_some_and(|(name, host)| {
                let dots = host.split('.').count() >= 2 && host.split('.').all(|part| !part.is_empty());
                !name.is_empty() && dots && !host.contains('@') && !contact.contains(char::is_whitespace)
            }),
            ContactKind::Qq => digits(contact, 5..=12) && !contact.starts_with('0'),
            ContactKind::Phone => digits(contact.strip_prefix('+').unwrap_or(contact), 5..=20),
        }
    }
}

/// How a card falls into parts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CardTemplate {
    /// What stands between two parts, such as `----`; 1 to 8 bytes.
    pub separator: String,
    /// The parts' names, such as 账号 and 密码; 2 to 8 of them.
    pub labels: Vec<String>,
}

impl CardTemplate {
    /// The parts of a card with their names; `None` when it has another number of parts, and is one piece.
    pub fn split<'a>(&'a self, card: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
        let parts: Vec<&str> = card.split(self.separator.as_str()).collect();
        (parts.len() == self.labels.len()).then(|| self.labels.iter().map(String::as_str).zip(parts).collect())
    }
}

/// A product's long texts, kept apart because only its own page and its buyers need them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Texts {
    /// What it is, Markdown, at most 8 KiB.
    pub description: String,
    /// What to do with it once it is delivered (使用说明), Markdown, at most 4 KiB. Shown to its buyers only.
    pub instructions: String,
}
