//! AWS services of which the shop needs one or two calls: SSM for what a deployment keeps secret, KMS for the keys of the
//! cards. A signed POST each; their SDKs would be two more crates of generated code in every function (decision 016).

use crate::AppError;
use crate::clock::Clock;
use crate::net::{Aws, http_request};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::Value;
use std::time::{Duration, UNIX_EPOCH};

/// A service that speaks AWS's JSON protocol 1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Service {
    /// Parameter Store.
    Ssm,
    /// Key Management Service.
    Kms,
}

impl Service {
    /// Its name in addresses and signatures.
    fn name(self) -> &'static str {
        match self {
            Service::Ssm => "ssm",
            Service::Kms => "kms",
        }
    }

    /// What stands before an operation's name in `x-amz-target`.
    fn target(self) -> &'static str {
        match self {
            Service::Ssm => "AmazonSSM",
            Service::Kms => "TrentService",
        }
    }
}

/// What an operation was refused with, or that nobody answered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum CallError {
    /// The service's own code, such as `AccessDeniedException`.
    Refused(String),
    /// No answer, or none that says what happened.
    NoAnswer,
}

impl CallError {
    /// As the shell reports it.
    pub(crate) fn of(self, service: Service) -> AppError {
        match self {
            CallError::Refused(code) => AppError::Aws(service.name(), code),
            CallError::NoAnswer => AppError::Aws(service.name(), "no answer".to_owned()),
        }
    }
}

/// Tries of one call, the first included. Parameter Store takes 40 calls a second from a whole account by default, and a sale's first
/// seconds start hundreds of functions: with these pauses a start waits up to six seconds of the ten it has.
const TRIES: u32 = 8;

/// The pause after the first try, ms; it doubles up to [`PAUSE_MAX`].
const PAUSE: i64 = 50;

/// The longest pause, ms.
const PAUSE_MAX: i64 = 2_000;

/// The longest answer that is read: a few parameters, or one key.
const ANSWER_MAX: usize = 256 * 1024;

/// All the tries of one call together take no longer. A function that opens cards has ten seconds for its batch.
const PATIENCE: Duration = Duration::from_secs(6);

/// Who calls: the way out, where AWS is, and the time that signatures carry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller<'a> {
    pub(crate) http: &'a SharedHttpConnector,
    pub(crate) aws: &'a Aws,
    pub(crate) clock: &'a Clock,
}

impl Caller<'_> {
    /// Calls an operation until it is answered, a few times at most. Every operation used here may be done twice.
    pub(crate) async fn call(&self, service: Service, operation: &str, body: &Value) -> Result<Value, CallError> {
        let answered = tokio::time::timeout(PATIENCE, self.until_answered(service, operation, body));
        answered.await.unwrap_or(Err(CallError::NoAnswer))
    }

    async fn until_answered(&self, service: Service, operation: &str, body: &Value) -> Result<Value, CallError> {
        let mut pause = PAUSE;
        let mut last = CallError::NoAnswer;
        for attempt in 0..TRIES {
            if attempt > 0 {
                // Between half and all of the pause, by the clock's last digits, so that those who began together do not come back so.
                let part = pause / 2 + self.clock.now().rem_euclid(pause / 2 + 1);
                tokio::time::sleep(Duration::from_millis(u64::try_from(part).unwrap_or_default())).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
            match self.once(service, operation, body).await {
                Ok(answer) => return Ok(answer),
                Err(CallError::Refused(code)) if !is_passing(&code) => return Err(CallError::Refused(code)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn once(&self, service: Service, operation: &str, body: &Value) -> Result<Value, CallError> {
        let Caller { http, aws, clock } = *self;
        let body = body.to_string();
        let url = format!("{}/", aws.endpoint(service.name()).trim_end_matches('/'));
        let target = format!("{}.{operation}", service.target());
        let headers = vec![
            ("content-type".to_owned(), "application/x-amz-json-1.1".to_owned()),
            ("x-amz-target".to_owned(), target),
        ];
        let signature =
            signature(aws, clock, service.name(), &url, &headers, body.as_bytes()).ok_or(CallError::NoAnswer)?;
        let headers: Vec<_> = headers.into_iter().chain(signature).collect();
        let request = http_request("POST", &url, &headers, body.into_bytes()).ok_or(CallError::NoAnswer)?;
        let response = http.call(request).await.map_err(|_| CallError::NoAnswer)?;
        let status = response.status().as_u16();
        let mut stream = ByteStream::new(response.into_body());
        let mut answer = Vec::new();
        while let Some(piece) = stream.next().await {
            answer.extend_from_slice(&piece.map_err(|_| CallError::NoAnswer)?);
            if answer.len() > ANSWER_MAX {
                return Err(CallError::NoAnswer);
            }
        }
        let answer: Option<Value> = serde_json::from_slice(&answer).ok();
        match (status, answer) {
            (200, Some(answer)) => Ok(answer),
            // `Type` with or without a name space before it: `com.amazonaws.ssm#ParameterNotFound`.
            (400..=499, Some(answer)) => {
                let kind = answer.get("__type").and_then(Value::as_str).unwrap_or_default();
                Err(CallError::Refused(kind.rsplit('#').next().unwrap_or_default().to_owned()))
            }
            _ => Err(CallError::NoAnswer),
        }
    }
}

/// Refusals that another try may not meet.
fn is_passing(code: &str) -> bool {
    code.contains("Throttl")
        || code.contains("TooManyRequests")
        || code.contains("Internal")
        || code.contains("Unavailable")
}

/// The headers that sign a request (Signature Version 4).
pub(crate) fn signature(
    aws: &Aws,
    clock: &Clock,
    service: &str,
    url: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Option<Vec<(String, String)>> {
    signed(aws, clock, service, SigningSettings::default(), ("POST", url), headers, body)
}

/// The same for the store of objects, which wants the hash of the body in a header, and whose paths are encoded once and never
/// shortened.
/// Source: "Signature Version 4 request elements", Amazon S3 API Reference, "Authenticating Requests".
pub(crate) fn object_signature(
    aws: &Aws,
    clock: &Clock,
    (method, url): (&str, &str),
    headers: &[(String, String)],
    body: &[u8],
) -> Option<Vec<(String, String)>> {
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    signed(aws, clock, "s3", settings, (method, url), headers, body)
}

fn signed(
    aws: &Aws,
    clock: &Clock,
    service: &str,
    settings: SigningSettings,
    (method, url): (&str, &str),
    headers: &[(String, String)],
    body: &[u8],
) -> Option<Vec<(String, String)>> {
    let identity = aws.credentials.clone().into();
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(clock.now()).ok()?);
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&aws.region)
        .name(service)
        .time(now)
        .settings(settings)
        .build()
        .ok()?
        .into();
    let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(method, url, named, SignableBody::Bytes(body)).ok()?;
    let (instructions, _) = sign(request, &params).ok()?.into_parts();
    Some(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
