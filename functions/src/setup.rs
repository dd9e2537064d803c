//! CloudFormation, once: the shop's secret and the first password are made, because a template cannot make what nobody may read.
//! Called by hand with `{"new_password": true}` it makes another password for an owner who has lost it.

use app::config::StartError;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What CloudFormation sends, as far as it matters here, or what the owner sends.
/// Source: "Custom resource request objects", AWS CloudFormation User Guide.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    /// A custom resource is made, changed or taken away.
    #[serde(rename_all = "PascalCase")]
    Resource {
        /// `Create`, `Update` or `Delete`.
        request_type: String,
        /// Where the answer is put; whoever knows it may answer.
        #[serde(rename = "ResponseURL")]
        response_url: String,
        /// Of the request, to be repeated.
        stack_id: String,
        /// Of the request, to be repeated.
        request_id: String,
        /// Of the request, to be repeated.
        logical_resource_id: String,
    },
    /// The owner's own call.
    Owner {
        /// Whether the administrator's password is made anew.
        new_password: bool,
    },
}

/// What CloudFormation is told.
/// Source: "Custom resource response objects", AWS CloudFormation User Guide.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    status: &'static str,
    reason: String,
    physical_resource_id: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
}

/// The name of the secrets as a resource. It never changes, so that no update ever asks to take the old ones away.
const RESOURCE: &str = "shop-secrets";

/// Does what an event wants.
pub async fn handle(event: Event) -> Result<Value, StartError> {
    let (request_type, url, mut answer) = match event {
        Event::Owner { new_password } => {
            app::set_up_from_env(new_password).await?;
            tracing::info!(new_password, "the shop's secrets are set up");
            return Ok(json!({"done": true}));
        }
        Event::Resource { request_type, response_url, stack_id, request_id, logical_resource_id } => {
            let answer = Answer {
                status: "SUCCESS",
                reason: String::new(),
                physical_resource_id: RESOURCE.to_owned(),
                stack_id,
                request_id,
                logical_resource_id,
            };
            (request_type, response_url, answer)
        }
    };
    // Nothing is ever taken away: with the secret every order's link and every stored account would be lost.
    if request_type != "Delete"
        && let Err(error) = app::set_up_from_env(false).await
    {
        tracing::error!(%error, "the shop's secrets could not be set up");
        answer.status = "FAILED";
        // The words name a parameter or a service and its code, never a value.
        answer.reason = error.to_string();
    }
    tracing::info!(request_type, status = answer.status, "the shop's secrets were looked after");
    let body = serde_json::to_vec(&answer).unwrap_or_default();
    if !app::net::put(&app::net::production(), &url, body).await {
        // CloudFormation waits until its own time-out; another try of this invocation may reach it.
        return Err(StartError::Parameters(app::AppError::Aws("cloudformation", "no answer".to_owned())));
    }
    Ok(json!({"status": answer.status}))
}

/// Runs the function on Lambda: what its bin calls.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    crate::telemetry::start();
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        let done = Box::pin(handle(event.payload)).await;
        done.inspect_err(|error| tracing::error!(%error, "the setup failed")).map_err(lambda_runtime::Error::from)
    }))
    .await
}
