//! What the shop relies on in a queue, through the real client, in real time.
//!
//! Time is only waited for where a queue may take its own: a message that must come is polled for, and one that must not come yet
//! has seconds left when it is looked for, so that a busy machine changes nothing.

mod sending;
mod taking;

use super::{Line, Report, Side};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::http::HttpResponse;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents, SharedHttpClient};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use futures_util::future::join_all;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::atomic::Ordering;

/// What a case has seen: words and what was there.
type Seen = Vec<(&'static str, String)>;

/// A case: a client and a name that no other case's queues begin with.
type Case = for<'a> fn(&'a Client, &'a str) -> Pin<Box<dyn Future<Output = Seen> + 'a>>;

/// How often a message that has to come is asked for, a second each.
const POLLS: usize = 20;

/// How often a case is begun anew, with queues of its own, when the SDK had to repeat a call: on a busy machine an answer may be
/// late, and a receive that is repeated counts twice.
const TRIES: usize = 5;

/// Runs every case on every side.
pub async fn run(sides: &[Side]) -> Vec<Report> {
    join_all(sides.iter().map(play)).await
}

async fn play(side: &Side) -> Report {
    let cases: Vec<(&'static str, Case)> = [sending::CASES, taking::CASES].concat();
    let run = cases.iter().enumerate().map(|(n, (name, case))| async move {
        let mut seen = Vec::new();
        for time in 0..TRIES {
            let (client, repetitions) = side.queues();
            seen = case(&client, &format!("parity-{n}-{time}")).await;
            if repetitions.load(Ordering::Relaxed) == 0 {
                break;
            }
        }
        let line = |(what, told): (&'static str, String)| Line {
            case: (*name).to_owned(),
            state: what.to_owned(),
            aspect: "seen",
            told,
        };
        seen.into_iter().map(line).collect::<Vec<Line>>()
    });
    Report { side: side.name, lines: join_all(run).await.concat() }
}

/// A queue with these attributes; its address.
async fn queue(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let mut create = client.create_queue().queue_name(name);
    for (attribute, value) in attributes {
        create = create.attributes(attribute.clone(), *value);
    }
    create.send().await.expect("a queue").queue_url.expect("its address")
}

async fn attribute(client: &Client, url: &str, name: QueueAttributeName) -> Option<String> {
    let got =
        client.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send().await.expect("attributes");
    got.attributes?.remove(&name)
}

/// A queue whose messages move aside after so many receives, and where they go: both addresses.
async fn with_dead_letters(client: &Client, name: &str, receives: u32, hidden: &str) -> (String, String) {
    let dead = queue(client, &format!("{name}-dead"), &[]).await;
    let arn = attribute(client, &dead, QueueAttributeName::QueueArn).await.expect("an ARN");
    let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{receives}}}"#);
    let attributes = [(QueueAttributeName::VisibilityTimeout, hidden), (QueueAttributeName::RedrivePolicy, &policy)];
    (queue(client, name, &attributes).await, dead)
}

async fn send(client: &Client, url: &str, body: &str) {
    client.send_message().queue_url(url).message_body(body).send().await.expect("a message that is sent");
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

/// What is there now, without waiting.
async fn now(client: &Client, url: &str) -> Vec<Message> {
    receive(client, url).send().await.expect("an answer").messages.unwrap_or_default()
}

/// Polls until so many messages have come, or nothing more can be expected.
async fn until(client: &Client, url: &str, count: usize) -> Vec<Message> {
    let mut found = Vec::new();
    for _ in 0..POLLS {
        let got = receive(client, url).wait_time_seconds(1).send().await.expect("an answer");
        found.extend(got.messages.unwrap_or_default());
        if found.len() >= count {
            break;
        }
    }
    found
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().expect("a handle")
}

/// Bodies in order of their own: a queue promises none.
fn bodies(messages: &[Message]) -> String {
    let mut bodies: Vec<&str> = messages.iter().filter_map(Message::body).collect();
    bodies.sort_unstable();
    bodies.join(" ")
}

fn receives(message: &Message) -> String {
    let name = MessageSystemAttributeName::ApproximateReceiveCount;
    message.attributes().and_then(|all| all.get(&name)).cloned().unwrap_or_default()
}

/// Whether a call was taken, or the code and the class of the status by which it was refused. The client tells refusals apart by
/// their codes, and what is published of the single statuses does not agree with itself.
fn verdict<T: Debug, E: ProvideErrorMetadata + Debug>(outcome: Result<T, SdkError<E, HttpResponse>>) -> String {
    match outcome {
        Ok(_) => "taken".to_owned(),
        Err(error) => {
            let status = error.raw_response().map_or(0, |response| response.status().as_u16());
            format!("{} {}xx", error.code().unwrap_or("no code"), status / 100)
        }
    }
}

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
