//! The seam: what answers beneath the AWS SDK in this world. It routes by the protocol's own header and lets a tap see,
//! change, lose or cut off any call, so that every failure a network can bring can be brought here.

use crate::engine::Engine;
use crate::sqs::Sqs;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One call as it leaves the SDK.
#[derive(Clone, Debug)]
pub struct Call {
    /// `DynamoDB_20120810.PutItem`, `AmazonSQS.SendMessage`, or the address of a plain HTTP call.
    pub target: String,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Call {
    /// The operation's name, such as `PutItem`.
    pub fn operation(&self) -> &str {
        self.target.rsplit('.').next().unwrap_or_default()
    }
}

/// What a tap does with a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fate {
    /// Nothing.
    Pass,
    /// Other bytes are sent in its place.
    Rewrite(Vec<u8>),
    /// It leaves this much later, by tokio's clock.
    Delay(Duration),
    /// It never arrives; the caller sees a time-out.
    LoseRequest,
    /// It takes effect; the caller sees a time-out.
    LoseReply,
    /// Refused for load; the SDK tries again.
    Throttle,
    /// The caller dies before it leaves: nothing after this call ever happens.
    DieBefore,
    /// It takes effect and the caller dies before it hears.
    DieAfter,
}

/// Watches and disturbs calls.
pub trait Tap: Send + Sync + fmt::Debug {
    /// Decides before the call leaves.
    fn fate(&self, _call: &Call) -> Fate {
        Fate::Pass
    }

    /// Sees the answer of a call that took effect.
    fn answered(&self, _call: &Call, _status: u16, _body: &[u8]) {}

    /// A caller died; whoever waits for it should stop waiting.
    fn died(&self) {}
}

/// A tap that leaves everything alone.
#[derive(Debug)]
pub struct Quiet;

impl Tap for Quiet {}

/// The connector beneath one `App`.
#[derive(Clone, Debug)]
pub struct Seam {
    engine: Engine,
    sqs: Sqs,
    tap: Arc<dyn Tap>,
}

impl Seam {
    /// Joins an engine and a queue under a tap.
    pub fn new(engine: Engine, sqs: Sqs, tap: Arc<dyn Tap>) -> Seam {
        Seam { engine, sqs, tap }
    }

    /// As the SDK wants it.
    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    async fn answer(&self, call: &Call) -> Result<(u16, Vec<u8>, Option<String>), ConnectorError> {
        if let Some(operation) = call.target.strip_prefix("DynamoDB_20120810.") {
            let (status, body) = self.engine.call(operation, &call.body);
            return Ok((status, body, None));
        }
        if call.target.starts_with("AmazonSQS.") {
            let answer = self.sqs.handle(&call.target, &call.body).await;
            return Ok((answer.status, answer.body, answer.error_code));
        }
        Err(ConnectorError::io(format!("this world has no {}", call.target).into()))
    }

    async fn pass(&self, mut call: Call) -> Result<HttpResponse, ConnectorError> {
        // Everything here answers at once; without a pause, tasks of one thread would never interleave.
        tokio::task::yield_now().await;
        let fate = self.tap.fate(&call);
        match fate {
            Fate::LoseRequest => return Err(ConnectorError::timeout("the request was lost".into())),
            Fate::Throttle => return response(400, throttled(&call), None),
            Fate::DieBefore => return self.die().await,
            Fate::Delay(time) => tokio::time::sleep(time).await,
            Fate::Rewrite(ref body) => call.body = body.clone(),
            Fate::Pass | Fate::LoseReply | Fate::DieAfter => {}
        }
        let (status, body, code) = self.answer(&call).await?;
        self.tap.answered(&call, status, &body);
        match fate {
            Fate::LoseReply => return Err(ConnectorError::timeout("the reply was lost".into())),
            Fate::DieAfter => return self.die().await,
            _ => {}
        }
        tokio::task::yield_now().await;
        response(status, body, code)
    }

    async fn die(&self) -> Result<HttpResponse, ConnectorError> {
        self.tap.died();
        std::future::pending().await
    }
}

fn throttled(call: &Call) -> Vec<u8> {
    let code = if call.target.starts_with("DynamoDB") {
        "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
    } else {
        "com.amazonaws.sqs#RequestThrottled"
    };
    serde_json::json!({"__type": code, "message": "slow down"}).to_string().into_bytes()
}

fn response(status: u16, body: Vec<u8>, code: Option<String>) -> Result<HttpResponse, ConnectorError> {
    let bad = |e: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(e, None);
    let status = status.try_into().map_err(|e| bad(Box::new(e)))?;
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    if let Some(code) = code {
        response.headers_mut().insert("x-amzn-query-error", code);
    }
    Ok(response)
}

impl HttpConnector for Seam {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_else(|| request.uri()).to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        let seam = self.clone();
        HttpConnectorFuture::new(async move { seam.pass(Call { target, body }).await })
    }
}

impl HttpClient for Seam {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
