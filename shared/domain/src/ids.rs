//! Identifiers as types of their own, so that one cannot stand where another belongs.

use crate::base32;
use std::fmt;

/// An order's id: 15 bytes derived from the buyer's idempotency key, so a retry names the same order from any instance.
/// Shown as 24 letters of Crockford's base 32.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderId(pub [u8; 15]);

impl OrderId {
    /// Reads the 24 letters, in capitals or small letters.
    pub fn parse(text: &str) -> Option<OrderId> {
        base32::decode(&text.to_ascii_uppercase()).map(OrderId)
    }
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base32::encode(&self.0))
    }
}

impl fmt::Debug for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderId({self})")
    }
}

/// How often an order's hold was renewed. 0 at creation; +1 when a late payment adopts new slots; +2 when a refund closes
/// the order, so that the old claims become release evidence for ever.
pub type Generation = u8;

/// Sixteen bytes in a strip: the order id and the generation. Its first byte can never be confused with a marker, because
/// markers are one byte long.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The order that owns the slot.
    pub order: OrderId,
    /// The generation of the hold.
    pub generation: Generation,
}

impl Claim {
    /// The bytes as they stand in a strip.
    pub fn to_bytes(&self) -> [u8; 16] {
        let mut out = [0u8; 16];
        for (to, from) in out.iter_mut().zip(self.order.0.iter().chain(std::iter::once(&self.generation))) {
            *to = *from;
        }
        out
    }

    /// Reads sixteen bytes of a strip.
    pub fn from_bytes(bytes: &[u8]) -> Option<Claim> {
        let (order, generation) = bytes.split_first_chunk::<15>()?;
        match generation {
            [generation] => Some(Claim { order: OrderId(*order), generation: *generation }),
            _ => None,
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Claim({}/{})", self.order, self.generation)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $extra:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// Reads the text; `None` when it breaks the rule above.
            pub fn parse(text: &str) -> Option<$name> {
                let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || $extra.contains(&b);
                ((1..=$max).contains(&text.len()) && text.bytes().all(good)).then(|| $name(text.to_owned()))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A product: `[a-z0-9-]{1,32}`, never used again after archiving, because strips and ciphertexts are bound to it.
    ProductId, 32, b""
}

text_id! {
    /// A configured channel account: `[a-z0-9_-]{1,32}`. It is also the path of its webhook.
    AccountId, 32, b"_"
}

/// The number an attempt shows to its provider: the order id, two random letters fixed when the order is written, and the
/// attempt's digit. 27 characters of `[A-Z0-9]`, within every provider's limit, so a notification leads to its order
/// without an index.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutTradeNo {
    /// The order it pays for.
    pub order: OrderId,
    /// Two letters, as random bits: only the low five of each byte count.
    pub tail: [u8; 2],
    /// The attempt, 1 to [`crate::limits::ATTEMPTS_MAX`].
    pub attempt: u8,
}

impl OutTradeNo {
    /// How many characters the text has.
    pub const LEN: usize = 27;

    /// Reads the text exactly as [`fmt::Display`] writes it; small letters are not ours.
    pub fn parse(text: &str) -> Option<OutTradeNo> {
        if text.len() != Self::LEN || !text.is_ascii() {
            return None;
        }
        let order = base32::decode::<15>(text.get(..24)?).map(OrderId)?;
        let [tail @ .., attempt] = text.as_bytes().last_chunk::<3>()?;
        let letter = |l: &u8| (0..32u8).find(|&v| base32::letter(v) == char::from(*l));
        let [first, second] = tail;
        let attempt = attempt.checked_sub(b'0').filter(|a| (1..=crate::limits::ATTEMPTS_MAX).contains(a))?;
        Some(OutTradeNo { order, tail: [letter(first)?, letter(second)?], attempt })
    }
}

impl fmt::Display for OutTradeNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second] = self.tail;
        write!(f, "{}{}{}{}", self.order, base32::letter(first), base32::letter(second), self.attempt)
    }
}

impl fmt::Debug for OutTradeNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutTradeNo({self})")
    }
}

/// One movement of money, named for ever: the channel account, a zero byte, and the provider's own number for it. The same
/// from a notification and from a query.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Txn(Vec<u8>);

/// Stands in the account's place of money the owner vouches for; no account id may hold this character.
const ATTESTED: &[u8] = b"!owner";

impl Txn {
    /// Joins account and provider number. `None` when the number is empty, longer than
    /// [`crate::limits::PROVIDER_NUMBER_MAX`] bytes, or holds a control character.
    pub fn new(account: &AccountId, provider_number: &str) -> Option<Txn> {
        let fits = (1..=crate::limits::PROVIDER_NUMBER_MAX).contains(&provider_number.len());
        let clean = !provider_number.chars().any(char::is_control);
        (fits && clean).then(|| Txn([account.as_str().as_bytes(), &[0], provider_number.as_bytes()].concat()))
    }

    /// Money for this order that the owner of the shop vouches for, by the reference given. No channel account can be named
    /// like this, so it never meets a provider's own number; and one reference may stand for several orders.
    pub fn attested(order: &OrderId, reference: &str) -> Option<Txn> {
        let number = format!("{order} {reference}");
        let fits = !reference.is_empty() && number.len() <= crate::limits::PROVIDER_NUMBER_MAX;
        let clean = !reference.chars().any(char::is_control);
        (fits && clean).then(|| Txn([ATTESTED, &[0], number.as_bytes()].concat()))
    }

    /// Whether the owner vouched for it, and not a provider.
    pub fn is_attested(&self) -> bool {
        self.0.starts_with(&[ATTESTED, &[0]].concat())
    }

    /// Takes bytes that were stored before.
    pub fn from_stored(bytes: Vec<u8>) -> Txn {
        Txn(bytes)
    }

    /// The bytes, as stored and compared.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The provider's number alone, for people.
    pub fn provider_number(&self) -> String {
        let number = self.0.split(|&b| b == 0).nth(1).unwrap_or_default();
        let number = String::from_utf8_lossy(number);
        match number.split_once(' ') {
            // Behind the order's id, which only keeps two orders' movements apart.
            Some((_, reference)) if self.is_attested() => reference.to_owned(),
            _ => number.into_owned(),
        }
    }
}

impl fmt::Debug for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Txn({})", String::from_utf8_lossy(&self.0).replace('\0', "/"))
    }
}
