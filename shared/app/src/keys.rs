//! What the shop's one secret is used for: ids, tokens, fingerprints, hashes, sessions. Each purpose has a key of its own,
//! derived by HMAC, so that no output of one can stand where another belongs.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::order::Attempt;
use domain::stock::SlotRun;
use domain::{Currency, Generation, Millis, OrderId, OutTradeNo, ProductId, Txn};
use ring::hmac;
use std::fmt;

/// The kid of the token key in use. A rotation adds the next number and keeps the one before it for verification.
const TOKEN_KID: u8 = 1;

/// The derived keys of one shop.
pub struct Keys {
    id: hmac::Key,
    token: hmac::Key,
    fingerprint: hmac::Key,
    contact: hmac::Key,
    password: hmac::Key,
    collection: hmac::Key,
    card: hmac::Key,
    import: hmac::Key,
    session: hmac::Key,
    attempt: hmac::Key,
    payment: hmac::Key,
    slots: hmac::Key,
    address: hmac::Key,
    refund: hmac::Key,
    page: hmac::Key,
    evidence: hmac::Key,
    settings: [u8; 32],
}

/// A secret of 32 bytes. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret32(pub [u8; 32]);

impl Secret32 {
    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Secret32> {
        unhex(text.trim())?.try_into().ok().map(Secret32)
    }

    /// The 64 digits that [`Secret32::from_hex`] reads.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Lower hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The bytes that [`hex`] wrote, in small letters or capitals; `None` for anything else.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The first `N` bytes of a MAC over the parts, joined by zero bytes.
fn mac<const N: usize>(key: &hmac::Key, parts: &[&[u8]]) -> [u8; N] {
    let mut context = hmac::Context::with_key(key);
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            context.update(&[0]);
        }
        context.update(part);
    }
    let tag = context.sign();
    let mut out = [0u8; N];
    out.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
    out
}

/// Compares without telling by time how much was equal.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0u8, |seen, (x, y)| seen | (x ^ y)) == 0
}

impl Keys {
    /// Derives every key from the shop's secret.
    pub fn derive(secret: &Secret32) -> Keys {
        let root = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
        let raw = |purpose: &str| mac::<32>(&root, &[b"kamivend", purpose.as_bytes()]);
        let key = |purpose: &str| hmac::Key::new(hmac::HMAC_SHA256, &raw(purpose));
        Keys {
            id: key("order id"),
            token: key(&format!("order token {TOKEN_KID}")),
            fingerprint: key("request fingerprint"),
            contact: key("contact"),
            password: key("query password"),
            collection: key("collection code"),
            card: key("card"),
            import: key("import"),
            session: key("session"),
            attempt: key("attempt"),
            payment: key("payment"),
            slots: key("slots"),
            address: key("address"),
            refund: key("refund request"),
            page: key("page"),
            evidence: key("evidence"),
            settings: raw("settings"),
        }
    }

    /// The order that an idempotency key names, from any instance, at any time.
    pub fn order_id(&self, idempotency_key: &str) -> OrderId {
        OrderId(mac(&self.id, &[b"order", idempotency_key.as_bytes()]))
    }

    /// The bearer token of an order in this epoch: derivable, never stored.
    pub fn order_token(&self, order: &OrderId, epoch: u32) -> String {
        let tag: [u8; 20] = mac(&self.token, &[&order.0, &epoch.to_be_bytes()]);
        URL_SAFE_NO_PAD.encode([[TOKEN_KID].as_slice(), &tag].concat())
    }

    /// Whether a token opens an order in this epoch.
    pub fn opens(&self, token: &str, order: &OrderId, epoch: u32) -> bool {
        equal(token.as_bytes(), self.order_token(order, epoch).as_bytes())
    }

    /// A fingerprint over every field of a create, bound to its order.
    pub fn fingerprint(&self, order: &OrderId, canonical_request: &[u8]) -> [u8; 16] {
        mac(&self.fingerprint, &[&order.0, canonical_request])
    }

    /// The hash a contact is found by: upper and lower case and surrounding space do not matter.
    pub fn contact(&self, contact: &str) -> [u8; 16] {
        mac(&self.contact, &[contact.trim().to_lowercase().as_bytes()])
    }

    /// What makes an attempt this order's, in a hash that nobody without the shop's secret can make.
    pub fn attempt(
        &self,
        order: &OrderId,
        product: &ProductId,
        quantity: u32,
        to_review: bool,
        of: &Attempt,
    ) -> [u8; 12] {
        mac(
            &self.attempt,
            &[
                &order.0,
                product.as_str().as_bytes(),
                &quantity.to_be_bytes(),
                &[u8::from(to_review)],
                of.no.to_string().as_bytes(),
                of.account.as_str().as_bytes(),
                &of.minor.to_be_bytes(),
                of.currency.code().as_bytes(),
            ],
        )
    }

    /// What makes slots an order's in a generation.
    pub fn slots(&self, order: &OrderId, generation: Generation, slots: &[SlotRun]) -> [u8; 12] {
        mac(&self.slots, &[&order.0, &[generation], &SlotRun::to_bytes(slots)])
    }

    /// What makes money proven: whoever saw the proof vouches for movement, attempt and amount.
    pub fn payment(&self, no: &OutTradeNo, txn: &Txn, minor: i64, currency: Currency) -> [u8; 12] {
        let no = no.to_string();
        mac(&self.payment, &[no.as_bytes(), txn.as_bytes(), &minor.to_be_bytes(), currency.code().as_bytes()])
    }

    /// The name under which an address's open orders are noted: a keyed hash, because addresses are people.
    pub fn address(&self, address: &str) -> String {
        hex(&mac::<10>(&self.address, &[address.as_bytes()]))
    }

    /// The name of a seller's request to return money, so that two clicks are one.
    pub fn refund_request(&self, order: &OrderId, key: &str) -> [u8; 8] {
        mac(&self.refund, &[&order.0, key.as_bytes()])
    }

    /// The name of one decision to return a movement of money that settled nothing.
    pub(crate) fn row_refund(&self, txn: &Txn, look_at: Millis) -> [u8; 8] {
        mac(&self.refund, &[b"row", txn.as_bytes(), &look_at.to_be_bytes()])
    }

    /// An order that nobody can make, for the look-up of a contact that has none: its work is to be the same.
    pub(crate) fn nobody(&self, contact: &[u8; 16], number: usize) -> OrderId {
        OrderId(mac(&self.page, &[b"nobody", contact, &number.to_be_bytes()]))
    }

    /// What vouches for something that a page hands to a browser and takes back, by its purpose.
    pub fn page(&self, purpose: &str, text: &str) -> String {
        hex(&mac::<10>(&self.page, &[purpose.as_bytes(), text.as_bytes()]))
    }

    /// The hash of a look-up password, bound to its order.
    pub fn password(&self, order: &OrderId, password: &str) -> [u8; 16] {
        mac(&self.password, &[&order.0, password.as_bytes()])
    }

    /// Eight digits with which an order without a password can be found again. Derived from the order, so that a repeated
    /// create shows the same.
    pub fn collection_code(&self, order: &OrderId) -> String {
        let number = u64::from_be_bytes(mac(&self.collection, &[&order.0]));
        format!("{:08}", number % 100_000_000)
    }

    /// The hash that makes a card unique within its product.
    pub fn card(&self, product: &ProductId, card: &str) -> [u8; 16] {
        mac(&self.card, &[product.as_str().as_bytes(), card.as_bytes()])
    }

    /// The name of an import: the same part of the same upload has the same name, another text never has.
    pub fn import(&self, product: &ProductId, upload: &str, part: u32, body: &[u8]) -> String {
        let name: [u8; 10] =
            mac(&self.import, &[product.as_str().as_bytes(), upload.as_bytes(), &part.to_be_bytes(), body]);
        hex(&name)
    }

    /// The signature of a session.
    pub(crate) fn session(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.session, parts)
    }

    /// What vouches for something in the evidence, given as the digest of it: nobody without the shop's secret can make it, nor
    /// find out by trying what it was made of.
    pub(crate) fn evidence(&self, digest: &[u8; 32]) -> [u8; 16] {
        mac(&self.evidence, &[digest])
    }

    /// The key that seals channel settings.
    pub(crate) fn settings(&self) -> &[u8; 32] {
        &self.settings
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}
