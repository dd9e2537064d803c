//! The local shop's queue, driven through the real SDK, so that what is proven here is what the shop's code will see.
//!
//! Time is tokio's paused clock, and the engine's clock is derived from it: waits are exact and cost nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a surprise in a test is a failure of the test"
)]

mod dead_letters;
mod messages;
mod queues;
mod receiving;
mod storage;
mod waiting;
mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use local::sqs::{Clock, Depth, Ids, Sqs, Storage};
use tokio::time::{Instant, sleep};

/// The instant at which every test begins, Unix milliseconds.
const START_MS: i64 = 1_750_000_000_000;

/// The HTTP client under the SDK: hands each request to the engine and its answer back.
mod seam {
    use aws_sdk_sqs::config::{
        BehaviorVersion, Config, Credentials, HttpClient, Region, RuntimeComponents, SharedHttpClient,
    };
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    };
    use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use local::sqs::Sqs;

    #[derive(Clone, Debug)]
    struct Engine(Sqs);

    impl HttpConnector for Engine {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let sqs = self.0.clone();
            HttpConnectorFuture::new(async move {
                let target = request.headers().get("x-amz-target").unwrap_or_default();
                let answer = sqs.handle(target, request.body().bytes().unwrap_or_default()).await;
                let status = StatusCode::try_from(answer.status).expect("a status that HTTP knows");
                let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
                response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
                if let Some(code) = answer.error_code {
                    response.headers_mut().insert("x-amzn-query-error", code);
                }
                Ok(response)
            })
        }
    }

    impl HttpClient for Engine {
        fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
            SharedHttpConnector::new(self.clone())
        }
    }

    /// An SDK client whose requests end in the engine.
    pub fn client(sqs: &Sqs) -> aws_sdk_sqs::Client {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("local"))
            .endpoint_url("http://sqs.local")
            .credentials_provider(Credentials::new("local", "local", None, None, "test"))
            .http_client(SharedHttpClient::new(Engine(sqs.clone())))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }
}

/// Ids that count up from a number, so that failures repeat; two engines on one file begin at different numbers.
fn ids(first: u64) -> Ids {
    let next = AtomicU64::new(first);
    Arc::new(move || u128::from(next.fetch_add(1, Ordering::Relaxed)).to_be_bytes())
}

/// A clock that stands at [`START_MS`] now and follows tokio's.
fn clock() -> Clock {
    let start = Instant::now();
    Arc::new(move || START_MS + i64::try_from(start.elapsed().as_millis()).unwrap())
}

/// An engine in memory, a client of it, and the address of one queue `q` with these attributes.
async fn shop(attributes: &[(QueueAttributeName, &str)]) -> (Sqs, Client, String) {
    let sqs = Sqs::open(Storage::Memory, clock(), ids(1)).unwrap();
    let client = seam::client(&sqs);
    let url = queue(&client, "q", attributes).await;
    (sqs, client, url)
}

async fn queue(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut create = client.create_queue().queue_name(name);
    for (attribute, value) in attributes {
        create = create.attributes(attribute.clone(), *value);
    }
    create.send().await.unwrap().queue_url.unwrap()
}

async fn send(client: &Client, url: &str, body: &str) -> String {
    client.send_message().queue_url(url).message_body(body).send().await.unwrap().message_id.unwrap()
}

/// A receive of up to ten messages that asks for everything there is to know about them.
fn receive(client: &Client, url: &str) -> ReceiveMessageFluentBuilder {
    client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .message_system_attribute_names(MessageSystemAttributeName::All)
        .message_attribute_names("All")
}

async fn received(request: ReceiveMessageFluentBuilder) -> Vec<Message> {
    request.send().await.unwrap().messages.unwrap_or_default()
}

/// Receives exactly one message.
async fn one(client: &Client, url: &str) -> Message {
    let mut messages = received(receive(client, url)).await;
    assert_eq!(messages.len(), 1, "one message is visible");
    messages.remove(0)
}

async fn delete(client: &Client, url: &str, message: &Message) {
    client.delete_message().queue_url(url).receipt_handle(handle(message)).send().await.unwrap();
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().unwrap()
}

fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

fn system(message: &Message, name: MessageSystemAttributeName) -> Option<&str> {
    message.attributes()?.get(&name).map(String::as_str)
}

fn receive_count(message: &Message) -> &str {
    system(message, MessageSystemAttributeName::ApproximateReceiveCount).unwrap()
}

async fn seconds(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

fn depth(visible: u64, in_flight: u64, delayed: u64) -> Depth {
    Depth { visible, in_flight, delayed }
}

/// The code by which the SDK knows an error, and its HTTP status.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    outcome: Result<T, aws_sdk_sqs::error::SdkError<E, aws_sdk_sqs::config::http::HttpResponse>>,
) -> (String, u16) {
    let error = outcome.expect_err("a refusal");
    let status = error.raw_response().expect("an answer").status().as_u16();
    (error.code().expect("a code").to_owned(), status)
}

fn refused(code: &str) -> (String, u16) {
    (code.to_owned(), 400)
}

fn text(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder().data_type(data_type).string_value(value).build().unwrap()
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
}

fn redrive(target: &str, receives: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{receives}}}"#, Sqs::queue_arn(target))
}

/// Waits for a message for up to twenty seconds while `meanwhile` runs, and says what came after how many milliseconds.
async fn wait(client: &Client, url: &str, meanwhile: impl Future<Output = ()>) -> (Vec<String>, u128) {
    let start = Instant::now();
    let waiting = async {
        let messages = received(receive(client, url).wait_time_seconds(20)).await;
        (messages.iter().map(|message| message.body().unwrap().to_owned()).collect(), start.elapsed().as_millis())
    };
    tokio::join!(waiting, meanwhile).0
}
