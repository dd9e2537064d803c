//! EventBridge: what nobody came back for is brought to its end, every minute; the audits, every hour and every night.

use crate::telemetry;
use app::{App, AppError, Report, Scope};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use std::pin::Pin;
use std::time::Duration;
use tracing::Instrument;

/// Milliseconds one call may work: a minute's pass ends before the next begins.
const BUDGET_MS: i64 = 45_000;

/// How long a pass may tell what was collected for receivers.
const TELLING: Duration = Duration::from_secs(10);

/// A night's audit is not done twice in one night.
const HALF_A_DAY_MS: i64 = 12 * 60 * 60_000;

/// What the timer wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// The pass of every minute.
    #[default]
    Reconcile,
    /// The hourly audit.
    AuditRecent,
    /// The nightly audit of everything. It goes on where the last call stopped; whoever calls does so until it says `complete`.
    AuditFull,
    /// The same, but nothing when one has ended within half a day: what a schedule calls minute by minute through a night. When
    /// it has ended the evidence has its turn.
    AuditNight,
    /// What was sealed of orders against what they say now, and the next seals; nothing when that was done within half a day.
    Evidence,
}

/// The timer's event: `{"job": "reconcile"}`. Anything without a job is a pass, as EventBridge's plain schedule sends it.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Event {
    /// What to do.
    #[serde(default)]
    pub job: Job,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Done {
    /// Whether nothing was left when time was over.
    pub complete: bool,
    /// The report, of an audit that has ended.
    pub report: Option<Report>,
}

/// Does one job within a call's time. While the shop is closed every job is the audit that may open it.
pub async fn handle(app: &App, job: Job) -> Result<Done, AppError> {
    // Where there is no invocation, its time gives the call a name.
    invoke(app, job, &format!("timer-{}", app.clock.now()), None).await
}

async fn invoke(app: &App, job: Job, id: &str, context: Option<&Context>) -> Result<Done, AppError> {
    app.begin();
    let done = async {
        // Boxed: the SDK's futures nest deeply, and every layer above would carry their size.
        let done = Box::pin(work(app, job)).await;
        done.inspect_err(|error| tracing::error!(%error, ?job, "the timer's job failed"))
    };
    let done = done.instrument(telemetry::invocation("reconcile", id, context)).await;
    app.flush_meter();
    done
}

async fn work(app: &App, job: Job) -> Result<Done, AppError> {
    let scope = match (app.is_closed().await?, job) {
        (true, _) => Scope::Restored,
        (false, Job::AuditRecent) => Scope::Recent,
        (false, Job::AuditNight) if was_done(app, Scope::Full).await? => return evidence(app).await,
        (false, Job::Evidence) => return evidence(app).await,
        (false, Job::AuditFull | Job::AuditNight) => Scope::Full,
        (false, Job::Reconcile) => {
            let pass = Box::pin(app.reconcile(BUDGET_MS)).await?;
            // What was counted is written before receivers are called, who may take their time and no more than this.
            app.flush_meter();
            match tokio::time::timeout(TELLING, Box::pin(app.push_collected())).await {
                Ok(0) => {}
                Ok(told) => tracing::info!(told, "what was collected is told"),
                Err(_) => tracing::warn!("what was collected is told with the next pass: it took too long"),
            }
            return Ok(Done { complete: pass.complete, report: None });
        }
    };
    let report = Box::pin(app.audit(scope, BUDGET_MS)).await?;
    if scope == Scope::Restored {
        // Only now: an audit that opens the shop in its first pass needs nobody.
        app.tell_if_closed().await?;
    }
    Ok(Done { complete: report.is_some(), report })
}

async fn was_done(app: &App, scope: Scope) -> Result<bool, AppError> {
    app.was_audited_since(scope, app.clock.now() - HALF_A_DAY_MS).await
}

/// The evidence of the day, once.
async fn evidence(app: &App) -> Result<Done, AppError> {
    // During an upgrade the function may be there before its bucket is named to it.
    if app.config.evidence_bucket.is_none() || was_done(app, Scope::Evidence).await? {
        return Ok(Done { complete: true, report: None });
    }
    let report = Box::pin(app.audit(Scope::Evidence, BUDGET_MS)).await?;
    Ok(Done { complete: report.is_some(), report })
}

/// Runs the function on Lambda: what its bin calls.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let app = crate::ready().await?;
    let app = &app;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| async move {
        // Boxed without its type: the SDK's futures nest deeper than the compiler counts.
        let work: Pin<Box<dyn Future<Output = Result<Done, AppError>> + Send + '_>> =
            Box::pin(invoke(app, event.payload.job, &event.context.request_id, Some(&event.context)));
        work.await.map_err(lambda_runtime::Error::from)
    }))
    .await
}
