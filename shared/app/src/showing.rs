//! What a buyer is shown to pay an attempt: computed where it can be; otherwise asked of the provider, and kept beside the order so that
//! it is asked once.

use crate::catalogue::ChannelSetting;
use crate::meter::{Failure, Metric};
use crate::{App, AppError};
use domain::Money;
use domain::limits::SHOWN_KEPT_MS;
use domain::order::{Attempt, Order};
use domain::product::Product;
use payments::{AttemptView, CreateError, Created, Device, Due, Started, Step};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::Outcome;

/// Milliseconds after an attempt was made in which whoever made it may still be asking its provider.
const ASKING_MS: i64 = 6_000;

/// How often, and how many times, somebody else looks for what comes of that. Together about as long.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS: u32 = 12;

/// Who looks at an attempt.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Viewer {
    /// With what.
    pub device: Device,
    /// From which address, if that is known: some providers insist on one.
    pub address: Option<String>,
}

/// What came of showing an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Showing {
    /// This is how it is paid.
    Shown(Started),
    /// There is nothing to show. What is inside says whether the provider may have made it all the same.
    Not(CreateError),
}

/// As it stands beside the order.
#[derive(Serialize, Deserialize)]
struct KeptDoc {
    kind: String,
    text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<DueDoc>,
}

#[derive(Serialize, Deserialize)]
struct DueDoc {
    amount: String,
    unit: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

fn write_kept(started: &Started) -> Result<String, AppError> {
    let (kind, text, fields) = match &started.shown {
        Created::Redirect(url) => ("redirect", url.clone(), Vec::new()),
        Created::Qr(text) => ("qr", text.clone(), Vec::new()),
        Created::Form { action, fields } => ("form", action.clone(), fields.clone()),
        Created::Jsapi(call) => ("jsapi", call.clone(), Vec::new()),
    };
    let due = started.due.clone().map(|Due { amount, unit, address }| DueDoc { amount, unit, address });
    let doc = KeptDoc { kind: kind.to_owned(), text, fields, reference: started.provider_ref.clone(), due };
    serde_json::to_string(&doc).map_err(|_| AppError::Unforeseen("what is shown cannot be written"))
}

fn read_kept(text: &str) -> Result<Started, AppError> {
    let bad = || AppError::Unforeseen("what was kept to be shown does not read");
    let doc: KeptDoc = serde_json::from_str(text).map_err(|_| bad())?;
    let shown = match doc.kind.as_str() {
        "redirect" => Created::Redirect(doc.text),
        "qr" => Created::Qr(doc.text),
        "form" => Created::Form { action: doc.text, fields: doc.fields },
        "jsapi" => Created::Jsapi(doc.text),
        _ => return Err(bad()),
    };
    let due = doc.due.map(|DueDoc { amount, unit, address }| Due { amount, unit, address });
    Ok(Started { shown, provider_ref: doc.reference, due })
}

impl App {
    /// The codec's first word about showing an attempt.
    fn first_step(
        &self,
        order: &Order,
        attempt: &Attempt,
        product: &Product,
        setting: &ChannelSetting,
        viewer: &Viewer,
    ) -> Step<Result<Started, CreateError>> {
        let view = AttemptView {
            out_trade_no: &attempt.no,
            amount: Money { minor: attempt.minor, currency: attempt.currency },
            product_name: &product.name,
            notify_url: &format!("{}/webhooks/{}", self.config.public_url, setting.account),
            return_url: &format!("{}/o/{}", self.config.public_url, order.id),
            method: None,
            device: viewer.device,
            client_ip: viewer.address.as_deref(),
            payer: None,
            expires_at: order.expires_at,
        };
        setting.channel.create(&view, &self.call())
    }

    fn note_not_shown(&self, attempt: &Attempt, error: &CreateError) {
        self.meter.channel_failed(&attempt.account, Failure::NotCreated);
        tracing::error!(order = %attempt.no.order, attempt = %attempt.no, error = %error.log_message(), "an attempt cannot be shown");
    }

    async fn kept(&self, attempt: &Attempt) -> Result<Option<Started>, AppError> {
        self.store.shown(&attempt.no).await?.as_deref().map(read_kept).transpose()
    }

    /// What the provider calls an attempt, where it gave it a name and somebody kept it.
    pub(crate) async fn reference_of(&self, attempt: &Attempt) -> Result<Option<String>, AppError> {
        Ok(self.kept(attempt).await?.and_then(|kept| kept.provider_ref))
    }

    /// What the buyer is shown to pay an attempt, without asking its provider: reading a page costs nobody a question. `None` when there
    /// is nothing yet.
    pub async fn shown(
        &self,
        order: &Order,
        attempt: &Attempt,
        product: &Product,
        setting: &ChannelSetting,
        viewer: &Viewer,
    ) -> Result<Option<Started>, AppError> {
        // One account's page for another account's number would take money that no attempt expects.
        if setting.account != attempt.account {
            return Ok(None);
        }
        match self.first_step(order, attempt, product, setting, viewer) {
            Step::Done(Ok(started)) => Ok(Some(started)),
            Step::Done(Err(error)) => {
                self.meter.add_for(&setting.account, Metric::ProviderCalls, 1);
                self.note_not_shown(attempt, &error);
                Ok(None)
            }
            Step::Send(..) => self.kept(attempt).await,
        }
    }

    /// The same, and the provider is asked where it has to be and nobody has its answer yet. `is_new` says that the caller has just made
    /// the attempt; anybody else gives that one the time to ask first.
    ///
    /// Two who ask at once ask under the same number, and what the first of them kept is what both show.
    pub async fn show(
        &self,
        order: &Order,
        attempt: &Attempt,
        product: &Product,
        setting: &ChannelSetting,
        viewer: &Viewer,
        is_new: bool,
    ) -> Result<Showing, AppError> {
        let unknown = |why| Ok(Showing::Not(CreateError::Unknown(why)));
        if setting.account != attempt.account {
            return unknown("the attempt is another account's");
        }
        let step = self.first_step(order, attempt, product, setting, viewer);
        if let Step::Done(done) = step {
            return Ok(match done {
                Ok(started) => Showing::Shown(started),
                Err(error) => {
                    self.meter.add_for(&setting.account, Metric::ProviderCalls, 1);
                    self.note_not_shown(attempt, &error);
                    Showing::Not(error)
                }
            });
        }
        if !is_new {
            if let Some(kept) = self.kept(attempt).await? {
                return Ok(Showing::Shown(kept));
            }
            if self.clock.now().saturating_sub(attempt.made_at) < ASKING_MS {
                for _ in 0..LOOKS {
                    tokio::time::sleep(LOOK_EVERY).await;
                    if let Some(kept) = self.kept(attempt).await? {
                        return Ok(Showing::Shown(kept));
                    }
                }
            }
        }
        self.meter.add_for(&setting.account, Metric::ProviderCalls, 1);
        match self.drive(step).await {
            Ok(started) => self.keep(attempt, started).await,
            Err(error) => {
                self.note_not_shown(attempt, &error);
                // Somebody else may have had a better answer meanwhile.
                Ok(self.kept(attempt).await?.map_or(Showing::Not(error), Showing::Shown))
            }
        }
    }

    async fn keep(&self, attempt: &Attempt, started: Started) -> Result<Showing, AppError> {
        let forget_at = attempt.made_at.saturating_add(SHOWN_KEPT_MS);
        let shown = match self.store.keep_shown(&attempt.no, &write_kept(&started)?, forget_at).await? {
            Outcome::Applied(()) | Outcome::AlreadyApplied(()) => started,
            Outcome::Refused(first) => read_kept(&first)?,
        };
        Ok(Showing::Shown(shown))
    }
}
