//! The one way out of the process: an HTTP connector under the AWS SDK and under every provider call. Tests and the local
//! shop put their own in its place; nothing else is ever replaced.

pub use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::config::Region;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use domain::limits::BODY_MAX;
use payments::{HttpReply, HttpRequest as ProviderRequest};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Amazon's own four roots. Loading them alone takes 1.7 ms at start instead of 4.3 ms for a full bundle.
/// Source: the repository of Amazon Trust Services, <https://www.amazontrust.com/repository/>.
const AMAZON_ROOTS: &[u8] = include_bytes!("../assets/amazon-roots.pem");

/// An AWS call that has no connection after a second, or no answer after two, is repeated by the SDK.
const CONNECT: Duration = Duration::from_secs(1);
const READ: Duration = Duration::from_secs(2);
/// A provider is slower, and a buyer waits for it; four seconds is what a person bears.
const PROVIDER_READ: Duration = Duration::from_secs(4);
/// Amazon's mail service answers when it has the whole mail, and a mail whose answer is not waited for may be sent twice. Nobody waits for
/// it but the program that sends.
const MAIL_READ: Duration = Duration::from_secs(8);

/// The production connector: two TLS contexts, chosen by host, and longer patience for mail. Clones share them, so that every client
/// of the process keeps its connections in the same pools.
#[derive(Clone, Debug, Default)]
struct TwoRoots(Arc<Connectors>);

#[derive(Debug, Default)]
struct Connectors {
    aws: OnceLock<SharedHttpConnector>,
    mail: OnceLock<SharedHttpConnector>,
    others: OnceLock<SharedHttpConnector>,
}

fn connector(roots: tls::TrustStore, read: Duration) -> SharedHttpConnector {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT).read_timeout(read).build();
    let context = tls::TlsContext::builder().with_trust_store(roots).build().unwrap_or_default();
    let connector = Connector::builder()
        .connector_settings(settings)
        .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .tls_context(context)
        .build();
    SharedHttpConnector::new(connector)
}

impl HttpConnector for TwoRoots {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let host = request.uri().split("://").nth(1).and_then(|rest| rest.split(['/', ':', '?']).next()).unwrap_or("");
        // Everything of AWS that is called here names its operation in this header, so that an AWS which stands at another address,
        // as in tests and measurements, is met like the real one.
        let is_aws = host.ends_with(".amazonaws.com")
            || host.ends_with(".amazonaws.com.cn")
            || request.headers().contains_key("x-amz-target");
        let amazon = || tls::TrustStore::empty().with_native_roots(false).with_pem_certificate(AMAZON_ROOTS);
        // A mail service at another address is told by what the signature is made for.
        let is_mail = request.headers().get("authorization").is_some_and(|made| made.contains("/ses/aws4_request"));
        let chosen = if is_mail {
            self.0.mail.get_or_init(|| connector(amazon(), MAIL_READ))
        } else if is_aws {
            self.0.aws.get_or_init(|| connector(amazon(), READ))
        } else {
            // Built on first use: a function that never speaks to a provider never pays for the full bundle.
            self.0.others.get_or_init(|| connector(tls::TrustStore::default(), PROVIDER_READ))
        };
        chosen.call(request)
    }
}

/// The production connector.
pub fn production() -> SharedHttpConnector {
    SharedHttpConnector::new(TwoRoots::default())
}

/// One connector as the AWS SDK wants it.
#[derive(Clone, Debug)]
struct Always(SharedHttpConnector);

impl HttpClient for Always {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

pub(crate) fn client(connector: &SharedHttpConnector) -> SharedHttpClient {
    SharedHttpClient::new(Always(connector.clone()))
}

/// A request for the connector; `None` when method, address or a header does not read.
pub(crate) fn http_request(
    method: &str,
    url: &str,
    headers: &[(impl AsRef<str>, String)],
    body: Vec<u8>,
) -> Option<HttpRequest> {
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method).ok()?;
    request.set_uri(url.to_owned()).ok()?;
    for (name, value) in headers {
        request.headers_mut().try_insert(name.as_ref().to_owned(), value.clone()).ok()?;
    }
    Some(request)
}

/// Tries to put something.
const PUTS: usize = 4;

/// Puts bytes to an address that was given for it, without a content type, as a pre-signed address wants it. Whether it was taken.
pub async fn put(connector: &SharedHttpConnector, url: &str, body: Vec<u8>) -> bool {
    let headers = [("content-length".to_owned(), body.len().to_string())];
    for _ in 0..PUTS {
        let Some(request) = http_request("PUT", url, &headers, body.clone()) else {
            return false;
        };
        if connector.call(request).await.is_ok_and(|response| response.status().is_success()) {
            return true;
        }
        tokio::time::sleep(CONNECT).await;
    }
    false
}

/// How long a provider may take over a whole answer. The connector's own limit ends with the headers.
const PROVIDER_ANSWER: Duration = Duration::from_secs(5);

/// The same of Amazon's mail service. Shorter than any time for which whoever has begun a push or a mail may be at it.
const MAIL_ANSWER: Duration = Duration::from_secs(10);

/// An answer to a plain call.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Sends a plain call. `None` when there is no answer, whatever the reason: nobody may conclude anything from that.
pub(crate) async fn send(
    connector: &SharedHttpConnector,
    method: &str,
    url: &str,
    headers: &[(impl AsRef<str>, String)],
    body: Vec<u8>,
) -> Option<Answer> {
    send_within(PROVIDER_ANSWER, BODY_MAX, connector, http_request(method, url, headers, body)?).await
}

/// Sends a call that is signed for Amazon's mail service, with the patience that it needs. `None` as in [`send`].
pub(crate) async fn send_as_mail(
    connector: &SharedHttpConnector,
    url: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Option<Answer> {
    send_within(MAIL_ANSWER, BODY_MAX, connector, http_request("POST", url, headers, body)?).await
}

/// Sends a call whose answer may have so many bytes. `None` as in [`send`].
pub(crate) async fn send_for(
    most: usize,
    connector: &SharedHttpConnector,
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: Vec<u8>,
) -> Option<Answer> {
    send_within(PROVIDER_ANSWER, most, connector, http_request(method, url, headers, body)?).await
}

async fn send_within(
    patience: Duration,
    most: usize,
    connector: &SharedHttpConnector,
    request: HttpRequest,
) -> Option<Answer> {
    let answer = async {
        let response = connector.call(request).await.ok()?;
        let status = response.status().as_u16();
        let headers = response.headers().iter().map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut stream = ByteStream::new(response.into_body());
        let mut body = Vec::new();
        while let Some(piece) = stream.next().await {
            body.extend_from_slice(&piece.ok()?);
            // One byte more than a codec reads, so that the codec says that it is too long.
            if body.len() > most {
                break;
            }
        }
        Some(Answer { status, headers, body })
    };
    tokio::time::timeout(patience, answer).await.ok()?
}

/// Sends a codec's request to its provider. `None` when there is no answer.
pub(crate) async fn send_to_provider(connector: &SharedHttpConnector, wanted: &ProviderRequest) -> Option<HttpReply> {
    let answer = send(connector, wanted.method, &wanted.url, &wanted.headers, wanted.body.clone()).await?;
    Some(HttpReply { status: answer.status, headers: answer.headers, body: answer.body })
}

/// Where AWS is and who we are there.
#[derive(Clone, Debug)]
pub struct Aws {
    /// The region.
    pub region: String,
    /// The credentials of the function's role.
    pub credentials: Credentials,
    /// Whether what goes to the tables is signed. AWS takes nothing else; a world in memory where nobody looks at a signature
    /// may do without.
    pub signs: bool,
    /// Where every service is, when it is not in the region's own places: an emulator's address.
    pub endpoint_override: Option<String>,
    /// Where Amazon's mail service is, when it is not in the region's own place.
    pub mail_endpoint: Option<String>,
}

impl Aws {
    pub(crate) fn region(&self) -> Region {
        Region::new(self.region.clone())
    }

    /// The address of a service. Regions in China have a domain of their own.
    pub(crate) fn endpoint(&self, service: &str) -> String {
        self.endpoint_override.clone().unwrap_or_else(|| self.address_of(service))
    }

    /// The region's own address of a service.
    pub(crate) fn address_of(&self, service: &str) -> String {
        let suffix = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{service}.{}.{suffix}", self.region)
    }
}
