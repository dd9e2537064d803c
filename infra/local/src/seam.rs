//! The seam: what answers beneath the AWS SDK and beneath every call to a provider in this world. It routes by the AWS
//! protocol's own header, and by address where there is none, and lets a tap see, change, lose or cut off any call, so
//! that every failure a network can bring can be brought here.

use crate::bucket::Bucket;
use crate::engine::Engine;
use crate::gateway::{Gateway, GatewayRequest};
use crate::kms::Kms;
use crate::mailbox::Mailbox;
use crate::roles::{self, Roles};
use crate::sqs::Sqs;
use crate::ssm::Ssm;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// The headers of a plain call that are kept. None of them can hold a secret.
const KEPT_HEADERS: [&str; 3] = ["accept", "accept-encoding", "content-type"];

/// What an AWS answer is written in.
const AWS_JSON: &str = "application/x-amz-json-1.0";

/// One call as it leaves the process: of the AWS SDK, or a plain HTTP call to a provider.
#[derive(Clone)]
pub struct Call {
    /// `DynamoDB_20120810.PutItem`, `AmazonSQS.SendMessage`, or the address of a plain call without its query, which may
    /// carry a merchant's key.
    pub target: String,
    /// The method in capitals.
    pub method: String,
    /// What follows the `?` in the address of a plain call, undecoded.
    pub query: String,
    /// Of a plain call, what it accepts and what its body is.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Call {
    fn of(request: &HttpRequest) -> Call {
        let method = request.method().to_owned();
        let body = request.body().bytes().unwrap_or_default().to_vec();
        if let Some(target) = request.headers().get("x-amz-target") {
            return Call { target: target.to_owned(), method, query: String::new(), headers: Vec::new(), body };
        }
        let (address, query) = request.uri().split_once('?').unwrap_or((request.uri(), ""));
        let header = |name: &str| request.headers().get(name).map(|value| (name.to_owned(), value.to_owned()));
        let headers = KEPT_HEADERS.into_iter().filter_map(header).collect();
        Call { target: address.to_owned(), method, query: query.to_owned(), headers, body }
    }

    /// Whether it is a plain HTTP call: an AWS operation has a name, and everything else an address.
    pub fn is_plain(&self) -> bool {
        self.target.contains("://")
    }

    /// The operation's name, such as `PutItem`; of a plain call the end of its path with the slash, such as `/api.php`,
    /// which is no name of any operation.
    pub fn operation(&self) -> &str {
        if self.is_plain() {
            return self.target.rfind('/').and_then(|at| self.target.get(at..)).unwrap_or_default();
        }
        self.target.rsplit('.').next().unwrap_or_default()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_plain() {
            return f.debug_struct("Call").field("target", &self.target).field("body", &self.body).finish();
        }
        // Query and body of a plain call carry the merchant's key, so not even their lengths are told.
        f.debug_struct("Call").field("method", &self.method).field("target", &self.target).finish_non_exhaustive()
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
    /// It takes effect at once, and its answer comes this much later: what a read says is old by then.
    DelayReply(Duration),
    /// It never arrives; the caller sees a time-out.
    LoseRequest,
    /// The caller sees a time-out, and the call takes effect all the same, this much later: perhaps after its own repetition.
    Ghost(Duration),
    /// It takes effect; the caller sees a time-out.
    LoseReply,
    /// Refused for load; the SDK tries again.
    Throttle,
    /// The caller dies before it leaves: nothing after this call ever happens.
    DieBefore,
    /// It takes effect and the caller dies before it hears.
    DieAfter,
}

/// What came of a call of the AWS SDK that a tap carried by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Carried {
    /// It was answered: status, body, and SQS's `x-amzn-query-error`.
    Answered(u16, Vec<u8>, Option<String>),
    /// Nothing came back; the caller sees a time-out. Whether it took effect is the tap's secret.
    Lost,
}

/// A call under way.
pub type Carrying<'a> = Pin<Box<dyn Future<Output = Carried> + Send + 'a>>;

/// Watches and disturbs calls.
pub trait Tap: Send + Sync + fmt::Debug {
    /// Carries a call of the AWS SDK to [`Seam::aws`] and back by itself, for taps that must decide at the instant at which it
    /// arrives, such as one that knows how much a table can take just then. `None` leaves it to [`Tap::fate`].
    fn carry<'a>(&'a self, _seam: &'a Seam, _call: &'a Call) -> Option<Carrying<'a>> {
        None
    }

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
    kms: Option<Kms>,
    parameters: Ssm,
    gateway: Gateway,
    public_url: String,
    roles: Option<Arc<dyn Roles>>,
    tap: Arc<dyn Tap>,
    outside: Outside,
    /// The shop's own API, as one function reaches another there.
    shop: Option<SharedHttpConnector>,
    mailbox: Option<Mailbox>,
    evidence: Option<Bucket>,
}

/// What answers plain calls to addresses that are not this world's own.
#[derive(Clone, Debug, Default)]
pub enum Outside {
    /// Nothing: the world is closed.
    #[default]
    Nothing,
    /// Real HTTP, on this machine only: for receivers of a test.
    OwnMachine(SharedHttpConnector),
    /// Real HTTP, wherever it leads: what the running shop has.
    Everything(SharedHttpConnector),
}

impl Outside {
    fn connector(&self, address: &str) -> Option<&SharedHttpConnector> {
        match self {
            Outside::Nothing => None,
            Outside::OwnMachine(connector) => {
                let rest = address.strip_prefix("http://127.0.0.1:")?;
                let port = rest.split('/').next().unwrap_or_default();
                port.bytes().all(|b| b.is_ascii_digit()).then_some(connector)
            }
            Outside::Everything(connector) => Some(connector),
        }
    }
}

/// What goes back through the seam.
struct Answer {
    status: u16,
    body: Vec<u8>,
    content_type: String,
    /// SQS's `x-amzn-query-error`.
    error_code: Option<String>,
}

impl Answer {
    fn aws(status: u16, body: Vec<u8>, error_code: Option<String>) -> Answer {
        Answer { status, body, content_type: AWS_JSON.to_owned(), error_code }
    }
}

impl Seam {
    /// Joins an engine, a queue and a gateway under a tap. The gateway answers where the shop's own address, which has no
    /// slash at its end, is followed by `/sandbox/`.
    pub fn new(engine: Engine, sqs: Sqs, gateway: Gateway, public_url: &str, tap: Arc<dyn Tap>) -> Seam {
        let (parameters, public_url) = (Ssm::default(), public_url.to_owned());
        Seam {
            engine,
            sqs,
            kms: None,
            parameters,
            gateway,
            public_url,
            roles: None,
            tap,
            outside: Outside::Nothing,
            shop: None,
            mailbox: None,
            evidence: None,
        }
    }

    /// The same seam with what only a deployment has: keys, parameters, and roles to which functions are held.
    pub fn deployed(mut self, kms: Kms, parameters: Ssm, roles: Option<Arc<dyn Roles>>) -> Seam {
        self.kms = Some(kms);
        self.parameters = parameters;
        self.roles = roles;
        self
    }

    /// The same seam with something outside of the world.
    pub fn with_outside(mut self, outside: Outside) -> Seam {
        self.outside = outside;
        self
    }

    /// The same seam through which the shop reaches its own API, and through which mail goes into a mailbox.
    pub fn with_shop(mut self, shop: SharedHttpConnector, mailbox: Mailbox) -> Seam {
        self.shop = Some(shop);
        self.mailbox = Some(mailbox);
        self
    }

    /// The same seam with a place for evidence.
    pub fn with_evidence(mut self, evidence: Bucket) -> Seam {
        self.evidence = Some(evidence);
        self
    }

    /// Where mail goes, if this world keeps any.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        self.mailbox.as_ref()
    }

    /// As the SDK wants it.
    pub fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// As an `App` wants it.
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }

    /// Answers a call of the AWS SDK by its target: status, body, and SQS's `x-amzn-query-error`.
    pub async fn aws(&self, target: &str, body: &[u8]) -> (u16, Vec<u8>, Option<String>) {
        if let Some(roles) = &self.roles
            && let Some((function, right)) = roles::refusal(roles.as_ref(), target, body)
        {
            tracing::error!(function, %right, "the role does not allow it");
            let body = format!(r#"{{"__type":"AccessDeniedException","message":"{function} may not {right}"}}"#);
            return (400, body.into_bytes(), Some("AccessDenied;Sender".to_owned()));
        }
        let (service, operation) = target.split_once('.').unwrap_or((target, ""));
        let (status, answer) = match service {
            "DynamoDB_20120810" => self.engine.call(operation, body),
            "AmazonSSM" => self.parameters.handle(operation, body),
            "AmazonSQS" => {
                let answer = self.sqs.handle(target, body).await;
                return (answer.status, answer.body, answer.error_code);
            }
            "TrentService" if let Some(kms) = &self.kms => kms.handle(operation, body),
            _ => (400, br#"{"__type":"UnknownOperationException"}"#.to_vec()),
        };
        (status, answer, None)
    }

    async fn answer(&self, call: &Call) -> Result<Answer, ConnectorError> {
        if !call.is_plain() {
            let (status, body, error_code) = self.aws(&call.target, &call.body).await;
            return Ok(Answer::aws(status, body, error_code));
        }
        let own = call.target.strip_prefix(&self.public_url).filter(|path| path.starts_with("/sandbox/"));
        // The path may be a secret: that of a chat's robot is nothing else.
        let origin = || call.target.split('/').take(3).collect::<Vec<_>>().join("/");
        let path = own.ok_or_else(|| ConnectorError::io(format!("this world has no {}", origin()).into()))?;
        Ok(self.ask_gateway(call, path))
    }

    /// What a program asks makes the gateway notify nobody, so there is nothing to send on.
    fn ask_gateway(&self, call: &Call, path: &str) -> Answer {
        let answer = self.gateway.handle(&GatewayRequest {
            method: call.method.clone(),
            path: path.to_owned(),
            query: call.query.clone(),
            headers: call.headers.clone(),
            body: call.body.clone(),
        });
        let content_type = answer.headers.into_iter().find(|(name, _)| name == "content-type");
        Answer {
            status: answer.status,
            body: answer.body,
            content_type: content_type.map(|(_, value)| value).unwrap_or_default(),
            error_code: None,
        }
    }

    /// The call of a program to somewhere outside of this world, and the way there, if there is one.
    fn outgoing(&self, call: &Call, request: HttpRequest) -> Option<(SharedHttpConnector, HttpRequest)> {
        if !call.is_plain() {
            return None;
        }
        if call.target.starts_with(Bucket::ADDRESS) {
            let evidence = self.evidence.clone()?;
            return Some((SharedHttpConnector::new(evidence), request));
        }
        if call.target.starts_with(&format!("{}/", Mailbox::ENDPOINT)) {
            let mailbox = self.mailbox.clone()?;
            return Some((SharedHttpConnector::new(mailbox), request));
        }
        if let Some(path) = call.target.strip_prefix(&self.public_url).filter(|path| path.starts_with('/')) {
            let shop = self.shop.clone().filter(|_| path.starts_with("/api/"))?;
            return Some((shop, request));
        }
        self.outside.connector(&call.target).map(|connector| (connector.clone(), request))
    }

    async fn pass(
        &self,
        mut call: Call,
        outgoing: Option<(SharedHttpConnector, HttpRequest)>,
    ) -> Result<HttpResponse, ConnectorError> {
        // Everything here answers at once; without a pause, tasks of one thread would never interleave.
        tokio::task::yield_now().await;
        if !call.is_plain()
            && let Some(carrying) = self.tap.carry(self, &call)
        {
            return match carrying.await {
                Carried::Answered(status, body, error_code) => response(Answer::aws(status, body, error_code)),
                Carried::Lost => Err(ConnectorError::timeout("the call was lost".into())),
            };
        }
        let fate = self.tap.fate(&call);
        match fate {
            Fate::LoseRequest => return Err(ConnectorError::timeout("the request was lost".into())),
            Fate::Ghost(time) => {
                let seam = self.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    // Nobody hears of it any more, whatever comes of it.
                    let _unheard = seam.effect(&call, outgoing).await;
                });
                return Err(ConnectorError::timeout("the request is on its way".into()));
            }
            Fate::Throttle => return response(throttled(&call)),
            Fate::DieBefore => return self.die().await,
            Fate::Delay(time) => tokio::time::sleep(time).await,
            Fate::Rewrite(ref body) => call.body = body.clone(),
            Fate::Pass | Fate::DelayReply(_) | Fate::LoseReply | Fate::DieAfter => {}
        }
        let answer = self.effect(&call, outgoing).await?;
        match fate {
            Fate::LoseReply => return Err(ConnectorError::timeout("the reply was lost".into())),
            Fate::DieAfter => return self.die().await,
            Fate::DelayReply(time) => tokio::time::sleep(time).await,
            _ => {}
        }
        tokio::task::yield_now().await;
        Ok(answer)
    }

    /// The call arrives.
    async fn effect(
        &self,
        call: &Call,
        outgoing: Option<(SharedHttpConnector, HttpRequest)>,
    ) -> Result<HttpResponse, ConnectorError> {
        match outgoing {
            Some((connector, mut request)) => {
                *request.body_mut() = SdkBody::from(call.body.clone());
                let answer = connector.call(request).await?;
                self.tap.answered(call, answer.status().as_u16(), b"");
                Ok(answer)
            }
            None => {
                let answer = self.answer(call).await?;
                self.tap.answered(call, answer.status, &answer.body);
                response(answer)
            }
        }
    }

    async fn die(&self) -> Result<HttpResponse, ConnectorError> {
        self.tap.died();
        std::future::pending().await
    }
}

fn throttled(call: &Call) -> Answer {
    if call.is_plain() {
        // What stands before a provider answers so, and it speaks to browsers.
        let body = b"<html><body><h1>429 Too Many Requests</h1></body></html>".to_vec();
        return Answer { status: 429, body, content_type: "text/html".to_owned(), error_code: None };
    }
    let code = if call.target.starts_with("DynamoDB") {
        "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
    } else {
        "com.amazonaws.sqs#RequestThrottled"
    };
    Answer::aws(400, serde_json::json!({"__type": code, "message": "slow down"}).to_string().into_bytes(), None)
}

fn response(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    let bad = |e: Box<dyn std::error::Error + Send + Sync>| ConnectorError::other(e, None);
    let status = answer.status.try_into().map_err(|e| bad(Box::new(e)))?;
    let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
    let headers = response.headers_mut();
    headers.try_insert("content-type", answer.content_type).map_err(|e| bad(Box::new(e)))?;
    if let Some(code) = answer.error_code {
        headers.insert("x-amzn-query-error", code);
    }
    Ok(response)
}

impl HttpConnector for Seam {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        let outgoing = self.outgoing(&call, request);
        let seam = self.clone();
        HttpConnectorFuture::new(async move { seam.pass(call, outgoing).await })
    }
}

impl HttpClient for Seam {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
