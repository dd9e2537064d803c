//! What the shop relies on in a queue, through the real client, in real time.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};

/// The connector of a side as the SDK wants it.
#[derive(Clone, Debug)]
struct Beneath(SharedHttpConnector);

impl HttpClient for Beneath {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

/// A client of the queues at an address.
pub(super) fn client(endpoint: &str, region: &str, connector: SharedHttpConnector) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .http_client(SharedHttpClient::new(Beneath(connector)))
        .build();
    Client::from_conf(config)
}
