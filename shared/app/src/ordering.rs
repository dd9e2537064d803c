//! Creating an order: claim cards, write the order, and nothing else. Two plain writes, when the cards lie in one strip and
//! the request is short; one more for a long contact or the seller's own fields, one more for each further strip.

use crate::catalogue::{ChannelSetting, Listed};
use crate::hold::{Held, HoldEnd};
use crate::{App, AppError};
use domain::guards::holds;
#[cfg(feature = "planted")]
use domain::guards::planted;
use domain::order::{Attempt, Lang, Order, State, Why};
use domain::product::{Product, Unfit};
use domain::{AccountId, Claim, Money, OrderId, OutTradeNo, ProductId};
use store::writes::NewOrder;
use store::{Details, Outcome};

/// A buyer's wish, checked for form but not yet against the shop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRequest {
    /// The order its idempotency key names.
    pub order: OrderId,
    /// A fingerprint over every field of the request.
    pub fingerprint: [u8; 16],
    /// What.
    pub product: ProductId,
    /// How many.
    pub quantity: u32,
    /// Where the buyer can be reached.
    pub contact: String,
    /// How the buyer wants to pay.
    pub channel: AccountId,
    /// The seller's own fields by id, sorted; empty when there are none.
    pub fields: Vec<(String, String)>,
    /// With what the order can be found again; `None` makes a collection code.
    pub query_password: Option<String>,
    /// A discount code, if one was given.
    pub coupon: Option<String>,
    /// The unit price the buyer's page showed.
    pub price_seen: Option<Money>,
    /// The address the request came from, as the front saw it. Not part of the fingerprint: phones change it all day.
    pub address: String,
    /// The language the request was made in, for what its buyer is told by mail. Not part of the fingerprint: it changes with a
    /// browser's settings.
    pub lang: Lang,
}

/// A create that led to an order.
#[derive(Debug)]
pub struct CreateAnswer {
    /// The order as it stands.
    pub order: Order,
    /// The product.
    pub product: Product,
    /// The channel of its newest attempt, if it is still configured.
    pub channel: Option<ChannelSetting>,
    /// Whether this call wrote it.
    pub is_new: bool,
}

/// A wish that fits the shop.
struct Fit {
    product: Product,
    amount: Money,
    channel: ChannelSetting,
    /// In which language its buyer is told by mail, if that is wanted and the contact is an address.
    mail_in: Option<Lang>,
}

/// Why a create led to no order. In order of precedence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CreateRefusal {
    /// The shop takes no orders now.
    Closed,
    /// The id was given up.
    Void,
    /// The id belongs to an order made from other fields.
    KeyReused,
    /// No product of that name was ever on sale here.
    NoProduct,
    /// The wish does not fit the product.
    Unfit(Unfit),
    /// These of the seller's fields are missing or unknown.
    Fields(Vec<(String, &'static str)>),
    /// No such discount code.
    Coupon,
    /// The channel takes no payment now.
    ChannelDown,
    /// Too many unpaid orders of this contact, or from this address, are open.
    TooMany,
    /// Not enough cards.
    SoldOut,
}

fn refused_by(found: &Order) -> CreateRefusal {
    match (found.state, found.why) {
        (State::Void, Some(Why::SoldOut)) => CreateRefusal::SoldOut,
        (State::Void, Some(Why::TooMany)) => CreateRefusal::TooMany,
        (State::Void, _) => CreateRefusal::Void,
        _ => CreateRefusal::KeyReused,
    }
}

impl App {
    /// Creates an order, or answers with the one this key made before.
    ///
    /// Cut off at any call and repeated with the same key, it ends with one order that holds exactly its quantity.
    pub async fn create_order(&self, request: &OrderRequest) -> Result<Result<CreateAnswer, CreateRefusal>, AppError> {
        let claim = Claim { order: request.order, generation: 0 };
        // A finished order is answered whatever became of its product since, so look first when stock is short.
        let scarce = self.stock.is_scarce(&request.product);
        if !holds("create: only while the shop is open", !self.is_closed().await?) {
            return Ok(Err(CreateRefusal::Closed));
        }
        if scarce {
            let (found, ahead) = tokio::join!(self.store.order(&request.order), self.look_ahead(&request.product));
            if let Some(found) = found? {
                return self.answer_found(request, found).await;
            }
            ahead?;
        }
        let fit = match self.check(request).await? {
            Ok(fit) => fit,
            Err(refusal) => {
                let found = if scarce { None } else { self.store.order(&request.order).await? };
                return match found {
                    Some(found) => self.answer_found(request, found).await,
                    None => Ok(Err(refusal)),
                };
            }
        };
        let details = self.details(request);
        let mut held = Held::default();
        // When stock is short even a claim that is given back at once takes a card from somebody; then the count comes first.
        if scarce && self.is_one_too_many(request).await {
            return Ok(Err(CreateRefusal::TooMany));
        }
        // So does a large claim that cannot be met: whoever asks for more than there is must not hold it while it is counted.
        let is_large = scarce && request.quantity > 1 && !self.knows_sold_out(&fit.product.id, claim);
        if is_large && !self.could_hold(&fit.product.id, claim, request.quantity).await? {
            return self.refuse_shortfall(request).await;
        }
        let read = async { if scarce { Ok(None) } else { self.store.order(&request.order).await } };
        let write = async {
            if details.is_bulky() {
                self.store.put_details(&request.order, &request.fingerprint, &details).await.map(drop)
            } else {
                Ok(())
            }
        };
        let count = async { if scarce { false } else { self.is_one_too_many(request).await } };
        let (found, written, too_many, hold) =
            tokio::join!(read, write, count, self.hold(&fit.product.id, claim, request.quantity, &mut held));
        if let Some(found) = found? {
            self.give_back(&found, &fit.product.id, claim, &held).await;
            return self.answer_found(request, found).await;
        }
        written?;
        if too_many {
            return self.give_up(request, claim, &held, Why::TooMany).await;
        }
        if hold? == HoldEnd::SoldOut {
            return self.give_up(request, claim, &held, Why::SoldOut).await;
        }
        let order = self.new_order(request, &fit, &held);
        let new = NewOrder { order, details };
        let (order, is_new) = match self.store.place_order(&new).await? {
            Outcome::Applied(order) => (order, true),
            Outcome::AlreadyApplied(order) => (order, false),
            Outcome::Refused(found) => {
                self.give_back(&found, &fit.product.id, claim, &held).await;
                return Ok(Err(refused_by(&found)));
            }
        };
        self.give_back(&order, &fit.product.id, claim, &held).await;
        if !is_new {
            // Meanwhile its buyer may have turned to another way to pay, and the newest attempt is what is shown.
            return self.answer_found(request, order).await;
        }
        self.count_created(&order);
        self.note_made(request).await;
        Ok(Ok(CreateAnswer { order, product: fit.product, channel: Some(fit.channel), is_new: true }))
    }

    /// The wish against the shop: product, price, fields, channel.
    async fn check(&self, request: &OrderRequest) -> Result<Result<Fit, CreateRefusal>, AppError> {
        let Some(Listed { product, look }) = self.listed(&request.product).await? else {
            return Ok(Err(CreateRefusal::NoProduct));
        };
        // Closed by its owner: nothing new is taken, and what was ordered before goes on.
        let choices = self.choices().await?;
        if choices.closed {
            return Ok(Err(CreateRefusal::Closed));
        }
        let amount = match product.price_of(request.quantity, &request.channel, request.price_seen) {
            Ok(amount) => amount,
            Err(unfit) => return Ok(Err(CreateRefusal::Unfit(unfit))),
        };
        let mut wrong = Vec::new();
        for field in &product.fields {
            let given = request.fields.iter().any(|(id, value)| *id == field.id && !value.is_empty());
            if field.required && !given {
                wrong.push((format!("fields.{}", field.id), "required"));
            }
        }
        for (id, _) in &request.fields {
            if !product.fields.iter().any(|f| f.id == *id) {
                wrong.push((format!("fields.{id}"), "unknown"));
            }
        }
        if !look.contact_kind.fits(&request.contact) {
            wrong.push(("contact".to_owned(), "contact_kind"));
        }
        if !wrong.is_empty() {
            return Ok(Err(CreateRefusal::Fields(wrong)));
        }
        // No discount exists yet, so no code can be right.
        if request.coupon.is_some() {
            return Ok(Err(CreateRefusal::Coupon));
        }
        match self.channel(&request.channel).await? {
            Some(channel) if channel.enabled && channel.channel.currency() == amount.currency => {
                let is_mail = look.contact_kind.may_be_mail() && push::mail::is_address(&request.contact);
                let mail_in = (choices.mails_delivered && is_mail).then_some(request.lang);
                Ok(Ok(Fit { product, amount, channel, mail_in }))
            }
            _ => Ok(Err(CreateRefusal::ChannelDown)),
        }
    }

    async fn answer_found(
        &self,
        request: &OrderRequest,
        found: Order,
    ) -> Result<Result<CreateAnswer, CreateRefusal>, AppError> {
        if found.state == State::Void || found.fingerprint != request.fingerprint {
            return Ok(Err(refused_by(&found)));
        }
        let Some(product) = self.product(&found.product).await? else {
            return Err(AppError::Setting("the product of an order"));
        };
        let channel = match found.newest_attempt() {
            Some(attempt) => self.channel_of(&attempt.account, attempt.version).await?,
            None => None,
        };
        Ok(Ok(CreateAnswer { order: found, product, channel, is_new: false }))
    }

    /// The order cannot be: the stock did not suffice, or its buyer holds too many already. With nothing claimed there is nothing to undo; otherwise the tombstone comes before any
    /// release, so that a slower try of the same key cannot adopt a released card.
    async fn give_up(
        &self,
        request: &OrderRequest,
        claim: Claim,
        held: &Held,
        why: Why,
    ) -> Result<Result<CreateAnswer, CreateRefusal>, AppError> {
        if held.is_empty() {
            if why == Why::TooMany {
                return Ok(Err(CreateRefusal::TooMany));
            }
            self.tell_sold_out(&request.product, request.quantity).await;
            return Ok(Err(CreateRefusal::SoldOut));
        }
        #[cfg(feature = "planted")]
        if planted("create: cards go back before the tombstone") {
            self.release_blindly(&request.product, claim, held).await;
        }
        let voided = self.store.void(&request.order, &request.product, why, self.clock.now()).await?;
        match voided {
            Outcome::Applied(tombstone) | Outcome::AlreadyApplied(tombstone) => {
                self.give_back(&tombstone, &request.product, claim, held).await;
                // Counted after the cards are back, or the pages would say that nobody can have them.
                if why == Why::SoldOut {
                    self.tell_sold_out(&request.product, request.quantity).await;
                }
                Ok(Err(refused_by(&tombstone)))
            }
            Outcome::Refused(order) => {
                self.give_back(&order, &request.product, claim, held).await;
                self.answer_found(request, order).await
            }
        }
    }

    /// There are not enough cards, and nothing was claimed. The id is given up all the same, so that the answer stays the answer;
    /// what an earlier, cut-off try of the same key still holds goes back with the timer's next pass.
    async fn refuse_shortfall(&self, request: &OrderRequest) -> Result<Result<CreateAnswer, CreateRefusal>, AppError> {
        match self.store.void(&request.order, &request.product, Why::SoldOut, self.clock.now()).await? {
            Outcome::Applied(tombstone) | Outcome::AlreadyApplied(tombstone) => {
                self.tell_sold_out(&request.product, request.quantity).await;
                Ok(Err(refused_by(&tombstone)))
            }
            Outcome::Refused(order) => self.answer_found(request, order).await,
        }
    }

    fn details(&self, request: &OrderRequest) -> Details {
        let password = request.query_password.clone().unwrap_or_else(|| self.keys.collection_code(&request.order));
        let fields: serde_json::Map<String, serde_json::Value> =
            request.fields.iter().map(|(id, value)| (id.clone(), value.clone().into())).collect();
        Details {
            contact: request.contact.clone(),
            contact_hash: self.keys.contact(&request.contact),
            password_hash: self.keys.password(&request.order, &password),
            fields: if fields.is_empty() { String::new() } else { serde_json::Value::Object(fields).to_string() },
        }
    }

    fn new_order(&self, request: &OrderRequest, fit: &Fit, held: &Held) -> Order {
        let Fit { product, amount, channel, mail_in } = fit;
        let now = self.clock.now();
        let mut attempt = Attempt {
            no: OutTradeNo { order: request.order, tail: self.ids.bytes(), attempt: 1 },
            account: channel.account.clone(),
            version: channel.version,
            minor: amount.minor,
            currency: amount.currency,
            made_at: now,
            mac: [0; 12],
        };
        attempt.mac = self.keys.attempt(&request.order, &product.id, request.quantity, product.review, &attempt);
        let slots = held.runs(request.quantity);
        Order {
            id: request.order,
            state: State::Held,
            generation: 0,
            product: product.id.clone(),
            quantity: request.quantity,
            slots_mac: self.keys.slots(&request.order, 0, &slots),
            slots,
            expires_at: now + self.config.hold_ms,
            attempts: vec![attempt],
            settled: None,
            fingerprint: request.fingerprint,
            to_review: product.review,
            why: None,
            token_epoch: 0,
            created_at: now,
            paid_at: None,
            delivered_at: None,
            viewed_at: None,
            refunds: Vec::new(),
            due: None,
            sent_again_at: None,
            mail_in: *mail_in,
        }
    }
}
