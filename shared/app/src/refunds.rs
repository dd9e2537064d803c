//! Money on its way back, and what else only a person decides: reviews, attested payments, rows of money that settled nothing.
//! Every deed stands in the audit trail before it is done, and every refund stands in its order before a provider is called.

use crate::catalogue::ChannelSetting;
use crate::meter::{Failure, Metric};
use crate::{App, AppError, SettleAnswer};
use domain::guards::planted;
use domain::limits::{REFERENCE_MAX, REFUNDS_MAX};
use domain::order::{Attempt, Order, Settled, State};
use domain::refund::{MoneyState, Refund, RefundState, returned};
use domain::{AccountId, Claim, Money, OrderId};
use payments::{QueryState, RefundState as Said, RefundView};
use store::{MoneyRow, Outcome};

/// Milliseconds before a row whose return got no answer is asked about again.
const ROW_EVERY_MS: i64 = 10 * 60_000;

/// What stands as the reference of money that the provider says went back.
const SEEN: &str = "seen at the provider";

/// A seller's wish to return money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundWish {
    /// How much, in minor units; `None` for all that is left.
    pub minor: Option<i64>,
    /// The reference of a refund that was made outside of the shop.
    pub by_hand: Option<String>,
    /// The seller's idempotency key. Part of an order's money is returned only with one.
    pub key: Option<String>,
    /// Who asks.
    pub who: String,
}

/// What came of a wish about an order's money.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefundAnswer {
    /// The order as it stands; its refunds say how far each has come.
    Order(Box<Order>),
    /// There is no such order.
    NoOrder,
    /// The order's state does not allow it.
    WrongState(State),
    /// The amount is nothing, or more than is left, or less than is owed.
    Amount,
    /// Part of the money is returned only under an idempotency key.
    KeyMissing,
    /// The idempotency key started a refund of another amount, or of another kind.
    KeyReused,
    /// The account has no refund call: return the money by hand and register it.
    ByHandOnly,
    /// As many refunds as one order may have.
    TooMany,
}

/// What a person does about money that settled no order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowAction {
    /// Returns it through its account.
    Refund,
    /// Returned it outside of the shop, or saw that it went back.
    Refunded,
    /// Saw that nothing went back after all.
    NotRefunded,
    /// Keeps it, and says why.
    Keep,
}

/// The words of a person or of a provider, cut to what a row holds.
pub(crate) fn cut(text: &str) -> String {
    let mut end = text.len().min(REFERENCE_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

/// How many refunds of an order came to nothing: a click after one of them is a new wish.
fn failures(order: &Order) -> usize {
    order.refunds.iter().filter(|r| r.state == RefundState::Failed).count()
}

/// So much of an order's currency.
fn of_order(order: &Order, minor: i64) -> Option<Money> {
    order.newest_attempt().map(|attempt| Money { minor, currency: attempt.currency })
}

/// The money that settled an order, and the attempt it paid.
fn settled_by(order: &Order) -> Result<(&Settled, &Attempt), AppError> {
    let settled = order.settled.as_ref().ok_or(AppError::Unforeseen("a refund of an unpaid order"))?;
    let attempt = order.attempt(settled.attempt).ok_or(AppError::Unforeseen("the paid attempt"))?;
    Ok((settled, attempt))
}

/// The number under which a provider knows a refund, the same whenever it is told of it or asked about it.
fn refund_no(refund: &Refund) -> String {
    format!("R{}", crate::keys::hex(&refund.request))
}

fn view_of<'a>(
    attempt: &Attempt,
    number: &'a str,
    provider_number: &'a str,
    refund: &Refund,
    refund_no: &'a str,
) -> RefundView<'a> {
    let money = |minor| Money { minor, currency: attempt.currency };
    RefundView {
        out_trade_no: number,
        provider_number,
        paid: money(attempt.minor),
        amount: money(refund.minor),
        refund_no,
    }
}

/// Readings of an order whose refunds come in at the same time.
const TRIES: usize = 4;

impl App {
    /// Returns money of an order: one that is paid and undelivered becomes owed back first, once everything about the wish is
    /// found to be right. Two clicks are one refund.
    pub async fn refund_order(&self, id: &OrderId, wish: &RefundWish) -> Result<RefundAnswer, AppError> {
        let Some(order) = self.store.order(id).await? else { return Ok(RefundAnswer::NoOrder) };
        if !matches!(order.state, State::Paid | State::RefundDue | State::Delivered | State::Refunded) {
            return Ok(RefundAnswer::WrongState(order.state));
        }
        let left = order.paid_minor() - returned(&order.refunds);
        let minor = wish.minor.unwrap_or(left);
        let key = match &wish.key {
            Some(key) => format!("key {key}"),
            // The whole of it is one wish, however often it is clicked; parts need a name each.
            None if wish.minor.is_none() || minor == order.paid_minor() => format!("all {}", failures(&order)),
            None => return Ok(RefundAnswer::KeyMissing),
        };
        let request = self.keys.refund_request(&order.id, &key);
        if let Some(place) = order.refunds.iter().position(|r| r.request == request) {
            let (earlier, from) = order.refunds.split_at(place);
            // "All of it" meant what was left when it was asked for.
            let meant = wish.minor.unwrap_or(order.paid_minor() - returned(earlier));
            let same = from.first().is_some_and(|r| r.minor == meant && r.by_hand == wish.by_hand.is_some());
            return Ok(match (same, &wish.key) {
                (true, _) => RefundAnswer::Order(Box::new(order)),
                (false, Some(_)) => RefundAnswer::KeyReused,
                (false, None) => RefundAnswer::WrongState(order.state),
            });
        }
        let whole = order.state == State::Delivered || minor == left;
        if minor <= 0 || minor > left || !whole {
            return Ok(RefundAnswer::Amount);
        }
        // By hand there is always a way out.
        if wish.by_hand.is_none() && order.refunds.len() >= usize::from(REFUNDS_MAX) {
            return Ok(RefundAnswer::TooMany);
        }
        if wish.by_hand.is_none() && !self.can_refund(&order).await? {
            return Ok(RefundAnswer::ByHandOnly);
        }
        let order = match order.state {
            State::Paid => match self.owe_back(&order, wish).await? {
                Ok(order) => order,
                Err(found) => return Ok(RefundAnswer::WrongState(found)),
            },
            _ => order,
        };
        // Somebody else's click may have owed it back, and begun this very refund, in between.
        if order.refunds.iter().any(|r| r.request == request) {
            return Ok(RefundAnswer::Order(Box::new(order)));
        }
        let what = if wish.by_hand.is_some() { "refund_by_hand" } else { "refund" };
        let reference = cut(wish.by_hand.as_deref().unwrap_or_default());
        self.note_deed(&wish.who, what, &order.id.to_string(), of_order(&order, minor), &reference).await?;
        let refund = Refund {
            minor,
            state: RefundState::Started,
            by_hand: wish.by_hand.is_some(),
            reference,
            request,
            at: self.clock.now(),
        };
        let number = u8::try_from(order.refunds.len() + 1).unwrap_or(u8::MAX);
        #[cfg(feature = "planted")]
        if planted("refund: called before it is written down") {
            return self.refund_unwritten(&order, &refund, number).await;
        }
        match self.store.start_refund(&order, &refund).await? {
            // Whoever wrote it calls the provider, and nobody else ever does.
            Outcome::Applied(order) => self.carry_out(&order, number).await,
            Outcome::AlreadyApplied(order) if planted("refund: called by who finds it written") => {
                self.carry_out(&order, number).await
            }
            Outcome::AlreadyApplied(order) => Ok(RefundAnswer::Order(Box::new(order))),
            Outcome::Refused(Some(found)) => Ok(RefundAnswer::WrongState(found.state)),
            Outcome::Refused(None) => Ok(RefundAnswer::NoOrder),
        }
    }

    /// A paid order that the seller will not deliver: owed back, and its cards are free again.
    async fn owe_back(&self, order: &Order, wish: &RefundWish) -> Result<Result<Order, State>, AppError> {
        let amount = of_order(order, order.paid_minor());
        self.note_deed(&wish.who, "refund_undelivered", &order.id.to_string(), amount, "").await?;
        let outcome = self.store.refund_undelivered(order, self.clock.now()).await?;
        self.count_owed_back(&outcome);
        match outcome {
            Outcome::Applied(after) | Outcome::AlreadyApplied(after) => {
                self.free_slots(order, &after).await;
                Ok(Ok(after))
            }
            Outcome::Refused(found) => Ok(Err(found.map_or(State::Void, |o| o.state))),
        }
    }

    /// Gives the cards of an earlier generation back, on the evidence of the order as it stands now.
    async fn free_slots(&self, before: &Order, after: &Order) {
        let claim = Claim { order: before.id, generation: before.generation };
        let held = crate::hold::Held::of(&before.slots);
        self.give_back(after, &after.product, claim, &held).await;
    }

    /// Whether the money of this order can be returned through its account.
    pub async fn can_refund(&self, order: &Order) -> Result<bool, AppError> {
        let Some(settled) = order.settled.as_ref().filter(|s| !s.txn.is_attested()) else { return Ok(false) };
        let Some(attempt) = order.attempt(settled.attempt) else { return Ok(false) };
        let setting = self.channel_of(&attempt.account, attempt.version).await?;
        Ok(setting.is_some_and(|setting| setting.channel.refunds()))
    }

    async fn carry_out(&self, order: &Order, number: u8) -> Result<RefundAnswer, AppError> {
        let Some(refund) = order.refunds.get(usize::from(number).saturating_sub(1)) else {
            return Err(AppError::Unforeseen("a refund that is not there"));
        };
        if refund.by_hand {
            return self.end_refund(order, number, true, &refund.reference).await;
        }
        match self.call_refund(order, refund).await? {
            Said::Done => self.end_refund(order, number, true, "done").await,
            // "More than is left" is also what a gateway says when the money went back before, by a call whose answer was
            // lost or in its own console.
            Said::Refused(_) if self.whole_went_back(order, refund).await? => {
                self.end_refund(order, number, true, SEEN).await
            }
            Said::Refused(words) => self.end_refund(order, number, false, words).await,
            Said::Unknown(why) if planted("refund: no answer is taken for a no") => {
                self.end_refund(order, number, false, why).await
            }
            // Taken on and not yet carried out: asked about like one without an answer.
            Said::UnderWay => Ok(RefundAnswer::Order(Box::new(order.clone()))),
            Said::Unknown(why) => {
                tracing::warn!(order = %order.id, number, why, "a refund without an answer");
                self.tell_refund_unanswered(order, number).await;
                Ok(RefundAnswer::Order(Box::new(order.clone())))
            }
        }
    }

    /// Writes down how a refund ended. Another one that came in meanwhile only means that the order is read again: what the
    /// provider said is said.
    pub(crate) async fn end_refund(
        &self,
        order: &Order,
        number: u8,
        went_back: bool,
        reference: &str,
    ) -> Result<RefundAnswer, AppError> {
        let mut order = order.clone();
        for _ in 0..TRIES {
            let outcome = if went_back {
                self.store.finish_refund(&order, number, reference).await?
            } else {
                self.store.fail_refund(&order, number, reference).await?
            };
            order = match outcome {
                Outcome::Applied(after) | Outcome::AlreadyApplied(after) => {
                    return Ok(RefundAnswer::Order(Box::new(after)));
                }
                Outcome::Refused(None) => return Ok(RefundAnswer::NoOrder),
                Outcome::Refused(Some(found)) => found,
            };
            let state = number.checked_sub(1).and_then(|place| order.refunds.get(usize::from(place))).map(|r| r.state);
            if state != Some(RefundState::Started) {
                return Ok(RefundAnswer::WrongState(order.state));
            }
        }
        Err(AppError::Contended)
    }

    pub(crate) async fn call_refund(&self, order: &Order, refund: &Refund) -> Result<Said, AppError> {
        let (settled, attempt) = settled_by(order)?;
        let (number, provider_number) = (attempt.no.to_string(), settled.txn.provider_number());
        let refund_no = refund_no(refund);
        let view = view_of(attempt, &number, &provider_number, refund, &refund_no);
        let setting = self.channel_of(&attempt.account, attempt.version).await?;
        self.call_provider(setting, &view).await
    }

    /// What the provider says became of a refund it was told of; `None` when it cannot be asked by the refund's own number.
    async fn ask_refund(&self, order: &Order, refund: &Refund) -> Result<Option<Said>, AppError> {
        let (settled, attempt) = settled_by(order)?;
        let (number, provider_number) = (attempt.no.to_string(), settled.txn.provider_number());
        let refund_no = refund_no(refund);
        let view = view_of(attempt, &number, &provider_number, refund, &refund_no);
        let Some(setting) = self.channel_of(&attempt.account, attempt.version).await? else { return Ok(None) };
        let Some(step) = setting.channel.refund_query(&view, &self.call()) else { return Ok(None) };
        self.meter.add_for(&attempt.account, Metric::ProviderCalls, 1);
        Ok(Some(self.drive(step).await))
    }

    async fn call_provider(&self, setting: Option<ChannelSetting>, refund: &RefundView<'_>) -> Result<Said, AppError> {
        let no_call = Said::Unknown("the account has no refund call");
        let Some(setting) = setting else { return Ok(no_call) };
        let Some(step) = setting.channel.refund(refund, &self.call()) else { return Ok(no_call) };
        let said = self.drive(step).await;
        self.meter.add_for(&setting.account, Metric::ProviderCalls, 1);
        match said {
            Said::Done | Said::UnderWay => {}
            Said::Refused(_) => self.meter.channel_failed(&setting.account, Failure::RefundRefused),
            Said::Unknown(_) => self.meter.channel_failed(&setting.account, Failure::RefundUnanswered),
        }
        Ok(said)
    }

    /// What the provider says about one movement; `None` when it cannot be asked by its own number.
    pub(crate) async fn ask_number(&self, account: &AccountId, number: &str) -> Result<Option<QueryState>, AppError> {
        let step = self.channel(account).await?.and_then(|setting| setting.channel.query_number(number, &self.call()));
        let Some(step) = step else { return Ok(None) };
        let state = self.drive(step).await;
        self.count_question(account, &state);
        Ok(Some(state))
    }

    /// Whether the provider says that all of this movement went back.
    async fn went_back(&self, account: &AccountId, number: &str) -> Result<bool, AppError> {
        Ok(self.ask_number(account, number).await? == Some(QueryState::Refunded))
    }

    /// Whether a refund of all that was paid is done, as far as its provider can say: only the whole of it can be told from a
    /// trade's state.
    async fn whole_went_back(&self, order: &Order, refund: &Refund) -> Result<bool, AppError> {
        let Some(settled) = order.settled.as_ref().filter(|s| !s.txn.is_attested()) else { return Ok(false) };
        match order.attempt(settled.attempt) {
            Some(attempt) if refund.minor == attempt.minor => {
                self.went_back(&attempt.account, &settled.txn.provider_number()).await
            }
            _ => Ok(false),
        }
    }

    /// A refund whose answer was lost: never called again, only asked about. What the provider cannot say, a person must.
    pub(crate) async fn drive_refund(&self, order: &Order, number: u8) -> Result<(), AppError> {
        let place = usize::from(number).saturating_sub(1);
        let Some(refund) = order.refunds.get(place).filter(|r| r.state == RefundState::Started) else {
            return Ok(());
        };
        if refund.by_hand {
            self.end_refund(order, number, true, &refund.reference).await?;
            return Ok(());
        }
        match self.ask_refund(order, refund).await? {
            Some(Said::Done) => drop(self.end_refund(order, number, true, SEEN).await?),
            // To the letter, and about this very refund: it was taken on and came to nothing.
            Some(Said::Refused(words)) => drop(self.end_refund(order, number, false, words).await?),
            Some(Said::UnderWay) => {}
            Some(Said::Unknown(_)) | None if self.whole_went_back(order, refund).await? => {
                self.end_refund(order, number, true, SEEN).await?;
            }
            // Whoever called may have died before the answer, and before telling.
            Some(Said::Unknown(_)) | None => self.tell_refund_unanswered(order, number).await,
        }
        Ok(())
    }

    /// A person has looked at the provider's own pages and says how a refund without an answer ended.
    pub async fn resolve_refund(
        &self,
        id: &OrderId,
        number: u8,
        went_back: bool,
        reference: &str,
        who: &str,
    ) -> Result<RefundAnswer, AppError> {
        let Some(order) = self.store.order(id).await? else { return Ok(RefundAnswer::NoOrder) };
        let refund = number.checked_sub(1).and_then(|place| order.refunds.get(usize::from(place)));
        let Some(refund) = refund else { return Ok(RefundAnswer::WrongState(order.state)) };
        let wanted = if went_back { RefundState::Done } else { RefundState::Failed };
        if refund.state == wanted {
            return Ok(RefundAnswer::Order(Box::new(order)));
        }
        if refund.state != RefundState::Started {
            return Ok(RefundAnswer::WrongState(order.state));
        }
        let what = if went_back { "refund_seen_done" } else { "refund_seen_failed" };
        self.note_deed(who, what, &order.id.to_string(), of_order(&order, refund.minor), reference).await?;
        self.end_refund(&order, number, went_back, &cut(reference)).await
    }

    /// A person decides about an order in review.
    pub async fn review_order(
        &self,
        id: &OrderId,
        pass: bool,
        reference: &str,
        who: &str,
    ) -> Result<RefundAnswer, AppError> {
        let Some(order) = self.store.order(id).await? else { return Ok(RefundAnswer::NoOrder) };
        if order.state != State::Review {
            return Ok(RefundAnswer::WrongState(order.state));
        }
        let what = if pass { "review_passed" } else { "review_refused" };
        self.note_deed(who, what, &order.id.to_string(), of_order(&order, order.paid_minor()), reference).await?;
        let now = self.clock.now();
        let outcome = if pass {
            self.store.pass_review(&order, now).await?
        } else {
            self.store.refuse_review(&order, now).await?
        };
        self.count_owed_back(&outcome);
        match outcome {
            Outcome::Applied(after) | Outcome::AlreadyApplied(after) => {
                if after.state == State::Paid {
                    // The sweep sends it when this does not.
                    if let Err(error) = self.send_to_delivery(&after).await {
                        tracing::warn!(order = %after.id, %error, "left to the sweep");
                    }
                } else if !pass {
                    self.free_slots(&order, &after).await;
                }
                Ok(RefundAnswer::Order(Box::new(after)))
            }
            Outcome::Refused(found) => Ok(RefundAnswer::WrongState(found.map_or(State::Void, |o| o.state))),
        }
    }

    /// The owner vouches for a payment that no provider reports. A kind of proof of its own: it stands in the trail, and its
    /// movement can never be mistaken for a provider's.
    pub async fn attest_payment(
        &self,
        id: &OrderId,
        minor: i64,
        reference: &str,
        who: &str,
    ) -> Result<RefundAnswer, AppError> {
        let Some(order) = self.store.order(id).await? else { return Ok(RefundAnswer::NoOrder) };
        if !matches!(order.state, State::Held | State::Expired) {
            return Ok(RefundAnswer::WrongState(order.state));
        }
        let Some(attempt) = order.newest_attempt() else { return Ok(RefundAnswer::WrongState(order.state)) };
        if attempt.minor != minor {
            return Ok(RefundAnswer::Amount);
        }
        self.note_deed(who, "payment_attested", &order.id.to_string(), of_order(&order, minor), reference).await?;
        let settled = self.settle_attested(attempt, &cut(reference)).await?;
        let now_stands = self.store.order(id).await?.unwrap_or(order);
        match settled {
            SettleAnswer::Recorded(_) => Ok(RefundAnswer::WrongState(now_stands.state)),
            _ => Ok(RefundAnswer::Order(Box::new(now_stands))),
        }
    }

    /// A person decides about money that settled no order. `Ok(None)`: there is no such row; `Ok(Some(Err(row)))`: its state
    /// does not allow it.
    pub async fn decide_money(
        &self,
        key: &[u8],
        action: &RowAction,
        reference: &str,
        who: &str,
    ) -> Result<Option<Result<MoneyRow, MoneyRow>>, AppError> {
        let Some(row) = self.store.row_at(key).await? else { return Ok(None) };
        let (open, under_way) = (row.state == MoneyState::Open, row.state == MoneyState::Refunding);
        let (what, fits) = match action {
            RowAction::Refund => ("row_refund", open && self.row_can_refund(&row).await?),
            RowAction::Refunded => ("row_refunded_by_hand", open || under_way),
            RowAction::NotRefunded => ("row_not_refunded", under_way),
            RowAction::Keep => ("row_kept", open),
        };
        if !fits {
            return Ok(Some(Err(row)));
        }
        let amount = Money { minor: row.minor, currency: row.currency };
        self.note_deed(who, what, &row.out_trade_no, Some(amount), reference).await?;
        let (now, text) = (self.clock.now(), cut(reference));
        let outcome = match action {
            RowAction::Refund => {
                match self.store.decide_row(&row, MoneyState::Refunding, "", now + ROW_EVERY_MS).await? {
                    Outcome::Applied(row) => return Ok(Some(Ok(self.return_row(&row).await?))),
                    other => other,
                }
            }
            RowAction::Refunded => self.store.end_row(&row, MoneyState::Refunded, &text).await?,
            RowAction::NotRefunded => self.store.decide_row(&row, MoneyState::Open, &text, now).await?,
            RowAction::Keep => self.store.end_row(&row, MoneyState::Kept, &text).await?,
        };
        Ok(match outcome {
            Outcome::Applied(row) | Outcome::AlreadyApplied(row) => Some(Ok(row)),
            Outcome::Refused(found) => found.map(Err),
        })
    }

    /// Whether a row's money can be returned through its account.
    pub async fn row_can_refund(&self, row: &MoneyRow) -> Result<bool, AppError> {
        if row.txn.is_attested() {
            return Ok(false);
        }
        // A provider that tells two facts of one movement, first with a wrong amount and then rightly: it paid the order.
        if let Some(order) = row.order
            && let Some(order) = self.store.order(&order).await?
            && order.settled.is_some_and(|settled| settled.txn == row.txn)
        {
            return Ok(false);
        }
        Ok(self.channel(&row.account).await?.is_some_and(|setting| setting.channel.refunds()))
    }

    async fn return_row(&self, row: &MoneyRow) -> Result<MoneyRow, AppError> {
        let amount = Money { minor: row.minor, currency: row.currency };
        let view = RefundView {
            out_trade_no: &row.out_trade_no,
            provider_number: &row.txn.provider_number(),
            paid: amount,
            amount,
            // Each decision to return it has a reading of its own, and so a number of its own.
            refund_no: &format!("M{}", crate::keys::hex(&self.keys.row_refund(&row.txn, row.look_at))),
        };
        let said = self.call_provider(self.channel(&row.account).await?, &view).await?;
        let outcome = match said {
            Said::Done => self.store.end_row(row, MoneyState::Refunded, "done").await?,
            Said::Refused(_) if self.went_back(&row.account, &row.txn.provider_number()).await? => {
                self.store.end_row(row, MoneyState::Refunded, SEEN).await?
            }
            Said::Refused(words) => {
                let now = self.clock.now();
                self.store.decide_row(row, MoneyState::Open, words, now).await?
            }
            Said::UnderWay => return Ok(row.clone()),
            Said::Unknown(why) => {
                tracing::warn!(number = row.out_trade_no, why, "a returned row without an answer");
                self.tell_row_unanswered(row).await;
                return Ok(row.clone());
            }
        };
        Ok(match outcome {
            Outcome::Applied(row) | Outcome::AlreadyApplied(row) | Outcome::Refused(Some(row)) => row,
            Outcome::Refused(None) => row.clone(),
        })
    }

    /// A row on its way back whose answer was lost: asked about until the provider says that it went back, or a person does.
    pub(crate) async fn drive_row(&self, key: &[u8]) -> Result<(), AppError> {
        let Some(row) = self.store.row_at(key).await?.filter(|row| row.state == MoneyState::Refunding) else {
            return Ok(());
        };
        if self.went_back(&row.account, &row.txn.provider_number()).await? {
            self.store.end_row(&row, MoneyState::Refunded, SEEN).await?;
        } else {
            let at = self.clock.now() + ROW_EVERY_MS;
            self.store.decide_row(&row, MoneyState::Refunding, "", at).await?;
            self.tell_row_unanswered(&row).await;
        }
        Ok(())
    }
}
