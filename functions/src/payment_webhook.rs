//! `GET|POST /webhooks/{channel}`: a provider reports money. Verify the raw bytes, make the fact durable, send it to delivery,
//! and only then answer in the provider's own way.

use crate::http::{Answer, Problem, respond};
use crate::telemetry;
use app::meter::{Failure, Metric};
use app::{App, SettleAnswer};
use domain::limits::BODY_MAX;
use domain::{AccountId, OutTradeNo};
use lambda_http::Request;
use payments::{Channel, Notice, Outcome, RawRequest};

pub(crate) async fn handle(app: &App, channel: &str, request: &Request) -> Answer {
    let account = AccountId::parse(channel).ok_or(Problem::NotFound)?;
    // Switched off or not: money for attempts made before still has to be heard.
    let setting = app.channel(&account).await?.ok_or(Problem::NotFound)?;
    let outcome = settle(app, &account, &setting.channel, request).await;
    let ack = setting.channel.ack(outcome);
    Ok(respond(ack.status, ack.content_type, ack.body))
}

async fn settle(app: &App, account: &AccountId, channel: &Channel, request: &Request) -> Outcome {
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
        return Outcome::Rejected;
    }
    let paid = match channel.verify(&raw) {
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
