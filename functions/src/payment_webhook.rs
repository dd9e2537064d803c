//! `GET|POST /webhooks/{channel}`: a provider reports money. Verify the raw bytes, make the fact durable, send it to delivery,
//! and only then answer in the provider's own way.

use crate::http::{Answer, Problem, respond};
use crate::telemetry;
use app::catalogue::ChannelSetting;
use app::meter::{Failure, Metric};
use app::{App, AppError, SettleAnswer};
use domain::limits::BODY_MAX;
use domain::{AccountId, OutTradeNo};
use lambda_http::Request;
use payments::{Notice, Outcome, QueryState, RawRequest, Reject};

pub(crate) async fn handle(app: &App, channel: &str, request: &Request) -> Answer {
    let account = AccountId::parse(channel).ok_or(Problem::NotFound)?;
    // Switched off or not: money for attempts made before still has to be heard.
    let setting = app.channel(&account).await?.ok_or(Problem::NotFound)?;
    let (outcome, heard_by) = settle(app, &setting, request).await;
    let ack = heard_by.as_ref().unwrap_or(&setting).channel.ack(outcome);
    Ok(respond(ack.status, ack.content_type, ack.body))
}

/// Settles what a notification says: what came of it, and the earlier settings it was verified with, if it was not with the present ones.
async fn settle(app: &App, setting: &ChannelSetting, request: &Request) -> (Outcome, Option<ChannelSetting>) {
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let raw = RawRequest {
        method: request.method().as_str(),
        query: request.uri().query().unwrap_or_default(),
        headers: &headers,
        body: request.body().as_ref(),
    };
    if raw.body.len() > BODY_MAX {
        app.meter.webhook_refused("too_large");
        return (Outcome::Rejected, None);
    }
    match setting.channel.verify(&raw, app.clock.now()) {
        // Perhaps signed with a key that was changed since the attempt was made.
        Err(reject) if reject.outcome() == Outcome::Rejected && setting.before.is_some() => {
            match verified_before(app, setting, &raw).await {
                Ok(Some((earlier, notice))) => (act_on(app, &setting.account, Ok(notice)).await, Some(earlier)),
                Ok(None) => (act_on(app, &setting.account, Err(reject)).await, None),
                Err(error) => {
                    tracing::error!(account = %setting.account, %error, "earlier settings could not be read");
                    (Outcome::TryAgain, None)
                }
            }
        }
        heard => (act_on(app, &setting.account, heard).await, None),
    }
}

/// What the earlier settings of an account make of a notification. They speak for the attempts that were made with them or before them,
/// and for no other: a key that was changed because somebody stole it must not pay for what was ordered since.
async fn verified_before(
    app: &App,
    setting: &ChannelSetting,
    raw: &RawRequest<'_>,
) -> Result<Option<(ChannelSetting, Notice)>, AppError> {
    for earlier in app.channels_before(setting).await? {
        let Ok(notice) = earlier.channel.verify(raw, app.clock.now()) else { continue };
        let number = match &notice {
            Notice::Paid(paid) => &paid.out_trade_no,
            Notice::Ask(number) => number,
            Notice::NotPaid => return Ok(Some((earlier, notice))),
        };
        let made_with = app.version_of_attempt(&setting.account, number).await?;
        return Ok(made_with.filter(|version| *version <= earlier.version).map(|_| (earlier, notice)));
    }
    Ok(None)
}

async fn act_on(app: &App, account: &AccountId, heard: Result<Notice, Reject>) -> Outcome {
    let paid = match heard {
        Err(reject) if reject.outcome() == Outcome::TryAgain => {
            app.meter.add_for(account, Metric::ProviderCalls, 1);
            app.meter.channel_failed(account, Failure::MoneyUnreadable);
            tracing::error!(%account, reject = %reject.log_message(), "money has arrived that cannot be read");
            return Outcome::TryAgain;
        }
        Err(reject) => {
            app.meter.webhook_refused(reject.code());
            tracing::warn!(%account, reject = %reject.log_message(), "a notification was refused");
            return reject.outcome();
        }
        Ok(Notice::NotPaid) => return Outcome::Accepted,
        Ok(Notice::Ask(number)) => match app.ask_by_number(account, &number).await {
            Ok(QueryState::Paid(paid)) => paid,
            // The provider itself says that nothing has come: its own notification was an old one.
            Ok(QueryState::Pending | QueryState::NotFound | QueryState::Closed | QueryState::Refunded) => {
                return Outcome::Accepted;
            }
            Ok(QueryState::Unknown(why)) => {
                tracing::warn!(%account, why, "a notification to be asked about, and no answer");
                return Outcome::TryAgain;
            }
            Err(error) => {
                tracing::error!(%account, %error, "a notification could not be asked about");
                return Outcome::TryAgain;
            }
        },
        Ok(Notice::Paid(paid)) => paid,
    };
    if let Some(attempt) = OutTradeNo::parse(&paid.out_trade_no) {
        telemetry::about_attempt(&attempt);
    }
    match app.settle(account, &paid.out_trade_no, &paid.provider_number, paid.amount).await {
        Ok(answer) => {
            let (attempt, number) = (&paid.out_trade_no, &paid.provider_number);
            match answer {
                SettleAnswer::Delivering => tracing::info!(%account, attempt, number, "paid"),
                SettleAnswer::Late => tracing::warn!(%account, attempt, number, "paid late"),
                SettleAnswer::InReview => tracing::info!(%account, attempt, number, "paid, to be reviewed"),
                SettleAnswer::Waiting => tracing::warn!(%account, attempt, number, "paid while the shop is closed"),
                SettleAnswer::Known => tracing::info!(%account, attempt, number, "paid before"),
                SettleAnswer::Recorded(reason) => {
                    let reason = reason.as_str();
                    tracing::warn!(%account, attempt, number, reason, "money that settles no order was recorded");
                }
            }
            Outcome::Accepted
        }
        Err(error) => {
            tracing::error!(%account, attempt = paid.out_trade_no, %error, "money could not be settled yet");
            Outcome::TryAgain
        }
    }
}
