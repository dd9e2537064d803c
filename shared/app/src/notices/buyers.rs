//! Mail to buyers. A message names an order, or the hash of a contact, and holds neither an address nor a key: whoever sends the mail
//! reads the order then, and finds out what is still true of it. Why nobody is written to who has not paid: decision 021.

use super::{RETOLD_MS, TELLING};
use crate::crowd::network_of;
use crate::net::send;
use crate::settings::BuyerMailOn;
use crate::showcase::Showcase;
use crate::{App, AppError};
use domain::OrderId;
use domain::order::{Lang, Order, State};
use domain::refund::done;
use push::Verdict;
use push::mail::{Mail, is_address};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::writes::Begun;
use store::{Outcome, PageKeys, PageOrder};

/// A day, the window in which mails that somebody asks for are counted, ms.
const DAY_MS: i64 = 24 * 60 * 60_000;

/// Mails a day that buttons send: for one order, to one contact (its buyers' buttons and the look-up are counted apart, so that a stranger
/// uses up nothing of a buyer's), and from one network that asks for contacts' links.
const PER_ORDER: i64 = 3;
const PER_CONTACT: i64 = 5;
const PER_NETWORK: i64 = 20;

/// Orders of one contact that are looked through for a mail of links, and how many of them at once. Anybody orders under anybody's contact
/// without paying, so the few newest may all be a stranger's.
const LOOKED_THROUGH: i32 = 300;
const LOOKED_AT_ONCE: usize = 30;

/// Links in a mail, the newest.
const LINKS_MAX: usize = 10;

/// Bytes of keys that a mail carries; more are left to the page.
const KEYS_MAX: usize = 32 * 1_024;

/// Tries to get the keys for a mail; then it goes without them, because the way to them is worth more than nothing.
const KEY_TRIES: i64 = 3;

/// Calls of a mail to which Amazon gave no clear answer. It may have sent each of them, so there is no fourth.
const UNANSWERED_MAX: i64 = 3;

/// How long whoever has begun a mail may be at it, ms. Shorter than the time for which the queue hides a message.
const AT_WORK_MS: i64 = 30_000;

/// How long it is known that a mail was sent, ms: as long as a queue can keep a message.
const KNOWN_MS: i64 = 14 * DAY_MS;

/// The note that keeps what Amazon said.
const BUYERS_NOTE: &str = "result#buyers";

/// What a mail to a buyer is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum About {
    /// An order was delivered.
    Delivered { order: String },
    /// The buyer of an order asks for its link.
    Link { order: String, lang: String },
    /// Somebody asks for the links of a contact's orders; the contact stands here as the hash by which orders are found.
    Links { contact: String, lang: String },
}

/// A mail to a buyer that is to be sent, as it lies in the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuyerMail {
    /// Its name. The same mail has the same name, however often its message comes.
    pub id: String,
    about: About,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    /// Format version: a consumer that does not know it leaves the message for one that does.
    v: u8,
    /// Tells it from the notices to the seller in the same queue.
    kind: String,
    id: String,
    about: About,
}

const KIND: &str = "buyer_mail";

impl BuyerMail {
    fn to_body(&self) -> String {
        let wire = Wire { v: 1, kind: KIND.to_owned(), id: self.id.clone(), about: self.about.clone() };
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a body; `None` for anything that is no mail to a buyer, or none that this version knows.
    pub fn from_body(body: &str) -> Option<BuyerMail> {
        let wire: Wire = serde_json::from_str(body).ok()?;
        (wire.v == 1 && wire.kind == KIND).then_some(BuyerMail { id: wire.id, about: wire.about })
    }

    /// Whether it tells of a delivery, and so may hold keys.
    pub fn tells_of_delivery(&self) -> bool {
        matches!(self.about, About::Delivered { .. })
    }
}

/// What came of asking for a mail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskedAnswer {
    /// It will be sent, if there is anything to send.
    Sent,
    /// Enough were asked for today.
    Enough,
    /// The queue does not take it.
    Unavailable,
}

/// One order that a mail tells of.
#[derive(Clone, Debug)]
pub struct MailedOrder {
    /// The order.
    pub order: Order,
    /// What was bought; its id where the product has no name any more.
    pub product_name: String,
    /// Where it opens. Of an order whose buyer set a password it holds no token: who set one means that nobody comes in without it.
    pub link: String,
    /// Whether its buyer set a password.
    pub has_password: bool,
}

/// A mail to a buyer with everything that is still true of it, to be put into words.
#[derive(Debug)]
pub struct Letter {
    /// The buyer's address.
    pub to: String,
    /// The buyer's language.
    pub lang: Lang,
    /// The orders, the newest first; at least one.
    pub orders: Vec<MailedOrder>,
    /// The shop's words.
    pub showcase: Arc<Showcase>,
    /// Whether it tells of a delivery; else somebody asked for links.
    pub tells_of_delivery: bool,
}

impl Letter {
    /// The order whose keys the mail shall hold; `None` when it shall hold none.
    pub fn order_of_keys(&self) -> Option<&Order> {
        let [mailed] = self.orders.as_slice() else { return None };
        let look = self.showcase.product(&mailed.order.product).map(|listed| &listed.look);
        let wanted = self.tells_of_delivery && !mailed.has_password && look.is_some_and(|look| look.mail_keys);
        wanted.then_some(&mailed.order)
    }
}

/// A mail that this call has begun to send.
#[derive(Debug)]
pub struct Turn {
    name: String,
    by: [u8; 8],
}

/// Whether a mail is this call's to send.
#[derive(Debug)]
pub enum Begin {
    /// It is.
    Turn(Turn),
    /// It was sent, or refused for good.
    Done,
    /// Somebody else is at it.
    UnderWay,
}

impl App {
    /// Whether buyers may ask for mail here: the seller wants it, there is a way for it, and it may leave in the name that they chose.
    pub fn mails_when_asked(&self, showcase: &Showcase) -> bool {
        let wish = &showcase.settings.buyer_mail;
        self.queue.takes_notices() && wish.wants(BuyerMailOn::Asked) && self.config.sender.allows(&wish.from)
    }

    /// Whether an order's buyer may ask for its link by mail: it was paid for and the money stayed, and its contact is an address. An
    /// address too long for the order's own item is not looked up for a button; its buyer asks on `/lookup`.
    pub fn may_mail_link(&self, showcase: &Showcase, found: &PageOrder) -> bool {
        let kind = showcase.product(&found.order.product).map(|listed| listed.look.contact_kind);
        self.mails_when_asked(showcase)
            && kind.is_none_or(|kind| kind.may_be_mail())
            && is_address(&found.contact)
            && !is_returned(&found.order)
            && self.is_proven(&found.order)
    }

    /// Tells the buyer of a delivered order by mail, if its order says so. Never fails and never takes long: what goes wrong is logged
    /// and dropped, because the page has the keys. A delivery of long ago that is repeated is not told again.
    pub async fn tell_buyer(&self, order: &Order) {
        let age = self.clock.now() - order.delivered_at.unwrap_or_default();
        if order.mail_in.is_none() || order.state != State::Delivered || !(0..RETOLD_MS).contains(&age) {
            return;
        }
        let id = format!("delivered-{}", order.id);
        let mail = BuyerMail { id, about: About::Delivered { order: order.id.to_string() } };
        self.hand_over(&mail).await;
    }

    /// Puts a mail into the queue, within a short time or not at all. Whether it lies there.
    async fn hand_over(&self, mail: &BuyerMail) -> bool {
        if !self.queue.takes_notices() {
            return false;
        }
        // Boxed: the SDK's futures nest deeply, and use cases would carry their size for something that hardly ever runs.
        let sent = Box::pin(self.queue.send_notice(mail.to_body()));
        match tokio::time::timeout(TELLING, sent).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(mail = mail.id, %error, "a buyer gets no mail");
                false
            }
            Err(_) => {
                tracing::warn!(mail = mail.id, "a buyer gets no mail: it took too long");
                false
            }
        }
    }

    /// The buyer of an order asks for its link by mail. The caller has checked that they may ([`App::may_mail_link`]).
    pub async fn ask_for_link(
        &self,
        showcase: &Showcase,
        found: &PageOrder,
        lang: Lang,
    ) -> Result<AskedAnswer, AppError> {
        let order = &found.order.id;
        let contact = crate::keys::hex(&self.keys.contact(&found.contact));
        // Under a name of its own: what strangers ask for on `/lookup` must not use up the button of whoever holds the order.
        let counts = [(format!("order#{order}"), PER_ORDER), (format!("buyer#{contact}"), PER_CONTACT)];
        if !self.count_asked(showcase, &counts).await? {
            return Ok(AskedAnswer::Enough);
        }
        let about = About::Link { order: order.to_string(), lang: lang.as_str().to_owned() };
        Ok(self.ask_for_mail(about).await)
    }

    /// Somebody asks for the links of a contact's orders by mail to that contact. Whether there are any, nobody looks here: the answer
    /// and the work are the same for everybody.
    pub async fn ask_for_links(
        &self,
        showcase: &Showcase,
        contact: &str,
        address: &str,
        lang: Lang,
    ) -> Result<AskedAnswer, AppError> {
        let hash = crate::keys::hex(&self.keys.contact(contact));
        // The network first: one that has asked enough cannot go on and use up other people's mails.
        let network = format!("network#{}", self.keys.address(&network_of(address)));
        let counts = [(network, PER_NETWORK), (format!("contact#{hash}"), PER_CONTACT)];
        if !self.count_asked(showcase, &counts).await? {
            return Ok(AskedAnswer::Enough);
        }
        let about = About::Links { contact: hash, lang: lang.as_str().to_owned() };
        Ok(self.ask_for_mail(about).await)
    }

    /// Counts what somebody asks for in the shop's own day, which is the one that the words about it mean.
    async fn count_asked(&self, showcase: &Showcase, counts: &[(String, i64)]) -> Result<bool, AppError> {
        let ahead = i64::from(showcase.settings.utc_offset_minutes) * 60_000;
        let day = (self.clock.now() + ahead).div_euclid(DAY_MS);
        for (name, most) in counts {
            if self.store.count_try(&format!("mail#{name}#{day}"), 1, (day + 1) * DAY_MS - ahead).await? > *most {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn ask_for_mail(&self, about: About) -> AskedAnswer {
        let id = format!("asked-{}", self.ids.uuid(self.clock.now()));
        if self.hand_over(&BuyerMail { id, about }).await { AskedAnswer::Sent } else { AskedAnswer::Unavailable }
    }

    /// Begins to send a mail, so that nobody else sends the same.
    pub async fn begin_mail(&self, mail: &BuyerMail) -> Result<Begin, AppError> {
        let (now, by) = (self.clock.now(), self.ids.bytes());
        let name = format!("mailed#{}", mail.id);
        Ok(match self.store.begin_push(&name, by, now, now + AT_WORK_MS).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => Begin::Turn(Turn { name, by }),
            Outcome::Refused(Begun::Done) => Begin::Done,
            Outcome::Refused(Begun::UnderWay) => Begin::UnderWay,
        })
    }

    /// Ends a mail that is not to be sent again: taken, refused for good, or without anything to say.
    pub async fn end_mail(&self, turn: &Turn) -> Result<(), AppError> {
        self.store.end_push(&turn.name, turn.by, self.clock.now() + KNOWN_MS).await?;
        Ok(())
    }

    /// Counts a call of a mail that had no clear answer. Whether the mail is given up, because Amazon may have sent it each time.
    pub async fn is_given_up(&self, mail: &BuyerMail) -> Result<bool, AppError> {
        Ok(self.count_failed("unanswered", &mail.id).await? >= UNANSWERED_MAX)
    }

    /// How often something about a mail failed so far, this time included. Not the receives of its message: those count busy hours too.
    async fn count_failed(&self, what: &str, id: &str) -> Result<i64, AppError> {
        Ok(self.store.count_try(&format!("mail-{what}#{id}"), 1, self.clock.now() + KNOWN_MS).await?)
    }

    /// What a mail has to say as things stand now; `None` when nothing: the seller has turned mail off since, the order went another
    /// way, was returned in full, or nobody ever paid.
    pub async fn letter(&self, mail: &BuyerMail) -> Result<Option<Letter>, AppError> {
        let showcase = self.showcase().await?;
        let on = if mail.tells_of_delivery() { BuyerMailOn::Delivered } else { BuyerMailOn::Asked };
        if !showcase.settings.buyer_mail.wants(on) {
            return Ok(None);
        }
        let (ids, lang, contact) = match &mail.about {
            About::Delivered { order } => (vec![order_id(order)?], None, None),
            About::Link { order, lang } => (vec![order_id(order)?], Lang::parse(lang), None),
            About::Links { contact, lang } => {
                let hash = crate::keys::unhex(contact).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
                let hash = hash.ok_or(AppError::Unforeseen("a mail about no contact"))?;
                let ids = self.store.orders_of_contact(&hash, 0, LOOKED_THROUGH).await?;
                (ids, Lang::parse(lang), Some(hash))
            }
        };
        let (mut to, mut in_lang, mut orders): (Option<String>, _, _) = (None, lang, Vec::new());
        for ids in ids.chunks(LOOKED_AT_ONCE) {
            if orders.len() >= LINKS_MAX {
                break;
            }
            let mut found = self.store.page(&PageKeys { orders: ids.to_vec(), ..PageKeys::default() }).await?.orders;
            for found in ids.iter().filter_map(|id| found.remove(id)) {
                if orders.len() >= LINKS_MAX || !self.is_fit(mail, &found) {
                    continue;
                }
                let address = self.contact_of(&found).await?;
                // Whoever writes to an order turns nobody's mail to themselves: the address is the one that the order was made with. And
                // what a list is asked for is a copy; the order's own contact decides whose it is.
                let hash = self.keys.contact(&address);
                let is_theirs = hash == found.contact_hash && contact.is_none_or(|contact| contact == hash);
                // Mail services may tell letters by their size, so two spellings may be two people.
                let is_same = to.as_ref().is_none_or(|to| *to == address);
                if !is_address(&address) || !is_theirs || !is_same {
                    continue;
                }
                in_lang = in_lang.or(found.order.mail_in);
                to.get_or_insert(address);
                orders.push(self.mailed(&showcase, &found).await);
            }
        }
        Ok(to.map(|to| Letter {
            to,
            lang: in_lang.unwrap_or_default(),
            orders,
            showcase,
            tells_of_delivery: mail.tells_of_delivery(),
        }))
    }

    /// Whether a mail may tell of an order: paid for, and what the mail says is still true of it.
    fn is_fit(&self, mail: &BuyerMail, found: &PageOrder) -> bool {
        let is_meant = match &mail.about {
            About::Delivered { .. } => found.order.state == State::Delivered && found.order.mail_in.is_some(),
            About::Link { .. } => true,
            // Whoever set a password is not found without it.
            About::Links { .. } => !self.has_password(found),
        };
        is_meant && !is_returned(&found.order) && self.is_proven(&found.order)
    }

    fn has_password(&self, found: &PageOrder) -> bool {
        let id = &found.order.id;
        let code = self.keys.password(id, &self.keys.collection_code(id));
        !crate::keys::equal(&code, &found.password_hash)
    }

    async fn mailed(&self, showcase: &Showcase, found: &PageOrder) -> MailedOrder {
        let order = &found.order;
        let product_name = match showcase.product(&order.product) {
            Some(listed) => listed.product.name.clone(),
            None => self.product(&order.product).await.ok().flatten().map_or(order.product.to_string(), |p| p.name),
        };
        let has_password = self.has_password(found);
        let mut link = format!("{}/o/{}", self.config.public_url, order.id);
        if !has_password {
            link = format!("{link}?t={}", self.keys.order_token(&order.id, order.token_epoch));
        }
        MailedOrder { order: order.clone(), product_name, link, has_password }
    }

    /// The contact as typed, wherever it lies.
    async fn contact_of(&self, found: &PageOrder) -> Result<String, AppError> {
        if !found.contact.is_empty() {
            return Ok(found.contact.clone());
        }
        Ok(self.store.bulky_input(&found.order).await?.map(|(contact, _)| contact).unwrap_or_default())
    }

    /// The keys of an order for its mail, asked of the one function that shows keys, as the buyer would ask: with the order's token.
    /// So whoever sends mail needs no right to any card.
    ///
    /// `Ok(None)`: the mail goes without them, because they are too many for it or cannot be had. An error: try again.
    pub async fn keys_for_mail(&self, mail: &BuyerMail, order: &Order) -> Result<Option<Vec<String>>, AppError> {
        let url = format!("{}/api/orders/{}/keys", self.config.public_url, order.id);
        if !self.is_own_machine() && !url.starts_with("https://") {
            return Ok(None);
        }
        let token = self.keys.order_token(&order.id, order.token_epoch);
        let headers = [("authorization", format!("Bearer {token}")), ("accept", "application/json".to_owned())];
        let answer = send(&self.http, "GET", &url, &headers, Vec::new()).await;
        let keys = match answer {
            Some(answer) if answer.status == 200 => serde_json::from_slice::<Value>(&answer.body).ok(),
            Some(answer) if (400..500).contains(&answer.status) && answer.status != 429 => None,
            _ if self.count_failed("keyless", &mail.id).await? >= KEY_TRIES => None,
            _ => return Err(AppError::Unforeseen("the keys for a mail cannot be had yet")),
        };
        let read = |keys: &Value| {
            let keys = keys.get("keys")?.as_array()?;
            keys.iter().map(|key| key.get("content")?.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        };
        let keys = keys.as_ref().and_then(read);
        if keys.is_none() {
            tracing::warn!(order = %order.id, "a mail goes without its keys");
        }
        Ok(keys.filter(|keys| keys.iter().map(String::len).sum::<usize>() <= KEYS_MAX))
    }

    /// Sends a mail and remembers what Amazon said, for the seller to see.
    pub async fn send_to_buyer(&self, mail: &Mail) -> Verdict {
        let verdict = self.send_mail(mail).await;
        self.note_result("buyers", BUYERS_NOTE, verdict).await;
        verdict
    }

    /// What Amazon said last of a mail to a buyer; `None` when none was sent for a month.
    pub async fn last_buyer_mail(&self) -> Result<Option<super::LastResult>, AppError> {
        let note = self.store.note(BUYERS_NOTE).await?;
        Ok(note.and_then(|text| serde_json::from_str(&text).ok()))
    }
}

fn order_id(text: &str) -> Result<OrderId, AppError> {
    OrderId::parse(text).ok_or(AppError::Unforeseen("a mail about no order"))
}

/// Whether all of an order's money went back, or is on its way because nothing is delivered for it.
fn is_returned(order: &Order) -> bool {
    let back = done(&order.refunds);
    matches!(order.state, State::RefundDue | State::Refunded) || (back > 0 && back >= order.paid_minor())
}
