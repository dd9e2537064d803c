//! Asking providers about attempts nobody heard of. An answer that says "paid" goes through the very same settling as a
//! notification; anything that is not an explicit yes or no is unknown and is taken for neither.

use crate::catalogue::ChannelSetting;
use crate::meter::{Failure, Metric};
use crate::{App, AppError, SettleAnswer, net};
use domain::guards::planted;
use domain::order::{Attempt, Order};
use domain::{AccountId, Money, OutTradeNo};
use payments::{AttemptRef, Call, CloseState, QueryState, Step};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Questions in a row without an answer after which an account is left alone for the rest of a pass: a gateway that is down would
/// otherwise eat the whole pass, one time-out after the other.
const SILENT_MAX: u32 = 3;

/// Which accounts gave no answer in this pass.
#[derive(Debug, Default)]
pub(crate) struct Patience(Mutex<HashMap<AccountId, u32>>);

impl Patience {
    fn is_lost(&self, account: &AccountId) -> bool {
        let silent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        silent.get(account).is_some_and(|n| *n >= SILENT_MAX)
    }

    fn heard(&self, account: &AccountId, answered: bool) {
        let mut silent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            silent.remove(account);
        } else {
            *silent.entry(account.clone()).or_default() += 1;
        }
    }
}

/// What the providers of an order's attempts say together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// Money arrived for one of them, and it moved the order: read it again.
    Paid,
    /// Every one of them gave an explicit answer, and none of them brought money that settles the order.
    NotPaid,
    /// At least one gave no answer, and none said "paid".
    Unknown,
}

/// An attempt as its provider is asked about it.
fn attempt_ref<'a>(attempt: &'a Attempt, provider_ref: Option<&'a str>) -> AttemptRef<'a> {
    AttemptRef {
        out_trade_no: &attempt.no,
        amount: Money { minor: attempt.minor, currency: attempt.currency },
        provider_ref,
        made_at: attempt.made_at,
    }
}

impl App {
    /// The moment and the chance that one call of a codec is given.
    pub(crate) fn call(&self) -> Call {
        Call { now: self.clock.now(), nonce: self.ids.bytes() }
    }

    /// Carries out what a codec wants sent, until it has its answer.
    pub(crate) async fn drive<T>(&self, mut step: Step<T>) -> T {
        loop {
            match step {
                Step::Done(answer) => return answer,
                Step::Send(request, next) => step = next(net::send_to_provider(&self.http, &request).await),
            }
        }
    }

    /// Counts a question that a provider was asked, and whether it had an answer.
    pub(crate) fn count_question(&self, account: &AccountId, state: &QueryState) {
        self.meter.add_for(account, Metric::ProviderCalls, 1);
        if matches!(state, QueryState::Unknown(_)) {
            self.meter.channel_failed(account, Failure::QueryUnanswered);
        }
    }

    /// Asks one attempt's provider.
    pub(crate) async fn ask(&self, attempt: &Attempt, patience: &Patience) -> Result<QueryState, AppError> {
        if patience.is_lost(&attempt.account) {
            return Ok(QueryState::Unknown("the account gave no answer a moment ago"));
        }
        let Some(setting) = self.channel_of(&attempt.account, attempt.version).await? else {
            return Ok(QueryState::Unknown("the account is not configured any more"));
        };
        let reference = self.reference_for(attempt, &setting).await?;
        let state = match setting.channel.query(&attempt_ref(attempt, reference.as_deref()), &self.call()) {
            // Nobody was asked, because there is no name to ask by: that says nothing about the account.
            Step::Done(state) => state,
            step => {
                let state = self.drive(step).await;
                self.count_question(&attempt.account, &state);
                patience.heard(&attempt.account, !matches!(state, QueryState::Unknown(_)));
                state
            }
        };
        if let QueryState::Unknown(why) = state {
            tracing::info!(order = %attempt.no.order, attempt = %attempt.no, why, "the provider gave no answer");
        }
        Ok(state)
    }

    /// What the provider calls an attempt, where it made it: it may have to be asked by that name.
    async fn reference_for(&self, attempt: &Attempt, setting: &ChannelSetting) -> Result<Option<String>, AppError> {
        if !setting.channel.kind().asks_to_create {
            return Ok(None);
        }
        self.reference_of(attempt).await
    }

    /// Asks the providers of an order that was just closed to take no money for it any more. What they say changes nothing: money that
    /// comes all the same takes the late path, and is asked about as long as it may.
    pub(crate) async fn close_at_providers(&self, order: &Order, patience: &Patience) -> Result<(), AppError> {
        for attempt in order.unpaid_attempts() {
            let Some(setting) = self.channel_of(&attempt.account, attempt.version).await? else { continue };
            if !setting.channel.kind().closes || patience.is_lost(&attempt.account) {
                continue;
            }
            let reference = self.reference_for(attempt, &setting).await?;
            let step = setting.channel.close(&attempt_ref(attempt, reference.as_deref()), &self.call());
            let Some(step @ Step::Send(..)) = step else { continue };
            self.meter.add_for(&attempt.account, Metric::ProviderCalls, 1);
            let state = self.drive(step).await;
            patience.heard(&attempt.account, !matches!(state, CloseState::Unknown(_)));
            tracing::info!(order = %order.id, attempt = %attempt.no, ?state, "closed at its provider");
        }
        Ok(())
    }

    /// With which version of its account's settings an attempt was made; `None` when it is none of ours, or another account's.
    pub async fn version_of_attempt(&self, account: &AccountId, out_trade_no: &str) -> Result<Option<u32>, AppError> {
        let Some(no) = OutTradeNo::parse(out_trade_no) else { return Ok(None) };
        let order = self.store.order(&no.order).await?;
        let attempts = order.iter().flat_map(|order| &order.attempts);
        Ok(attempts.into_iter().find(|a| a.no == no && a.account == *account).map(|a| a.version))
    }

    /// Asks about the attempt that a notification named, which is not to be believed by itself. A number that is not ours, or
    /// another account's, has nobody to be asked about.
    pub async fn ask_by_number(&self, account: &AccountId, out_trade_no: &str) -> Result<QueryState, AppError> {
        let Some(no) = OutTradeNo::parse(out_trade_no) else { return Ok(QueryState::NotFound) };
        let Some(order) = self.store.order(&no.order).await? else { return Ok(QueryState::NotFound) };
        let attempt = order.attempts.iter().find(|attempt| attempt.no == no && attempt.account == *account);
        match attempt {
            Some(attempt) => self.ask(attempt, &Patience::default()).await,
            None => Ok(QueryState::NotFound),
        }
    }

    /// Asks about every attempt that money could have arrived for unseen, and settles what did.
    pub(crate) async fn ask_order(&self, order: &Order, patience: &Patience) -> Result<Asked, AppError> {
        let mut all = Asked::NotPaid;
        for attempt in order.unpaid_attempts() {
            match self.ask(attempt, patience).await? {
                QueryState::Paid(paid) => {
                    let settled =
                        self.settle(&attempt.account, &paid.out_trade_no, &paid.provider_number, paid.amount).await?;
                    tracing::info!(order = %order.id, attempt = %attempt.no, ?settled, "found by asking");
                    if !matches!(settled, SettleAnswer::Recorded(_)) {
                        return Ok(Asked::Paid);
                    }
                }
                QueryState::Unknown(_) if planted("asking: no answer is taken for an answer") => {}
                QueryState::Unknown(_) => all = Asked::Unknown,
                // "Not found" and "not paid" are explicit, though neither is "closed": the asking goes on after the hold.
                QueryState::Pending | QueryState::NotFound | QueryState::Closed | QueryState::Refunded => {}
            }
        }
        Ok(all)
    }

    /// How long the slowest channel of an order's attempts may still take money after the hold, ms.
    pub(crate) async fn payable_ms(&self, order: &Order) -> Result<i64, AppError> {
        let mut longest = 0;
        for attempt in &order.attempts {
            if let Some(setting) = self.channel_of(&attempt.account, attempt.version).await? {
                longest = longest.max(setting.channel.kind().payable_after_ms);
            }
        }
        Ok(longest)
    }
}
