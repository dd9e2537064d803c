//! A deployment on loopback: a world whose tables, queue, parameters and keys answer over HTTP, and functions that are processes.

use app::{Clock, Ids};
use lambda_http::http::{self, Method, Request};
use local::engine::EngineKind;
use local::kms::Kms;
use local::lambda::{Answered, Environment};
use local::seam::{Outside, Quiet};
use local::secrets::LocalSecrets;
use local::server::serve_with;
use local::sqs::Sqs;
use local::world::Pushes;
use local::{World, WorldOptions, endpoint, front};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tests::roles::roles;
use tokio::net::TcpListener;

// The stack is called `kamivend`, as the tables and queues of every world are.
const PATH: &str = "/kamivend/kamivend";

fn binary(name: &str) -> &'static Path {
    Path::new(match name {
        "storefront" => env!("CARGO_BIN_EXE_storefront"),
        "create_order" => env!("CARGO_BIN_EXE_create_order"),
        "order" => env!("CARGO_BIN_EXE_order"),
        "reveal" => env!("CARGO_BIN_EXE_reveal"),
        "payment_webhook" => env!("CARGO_BIN_EXE_payment_webhook"),
        "deliver" => env!("CARGO_BIN_EXE_deliver"),
        "admin" => env!("CARGO_BIN_EXE_admin"),
        "cards" => env!("CARGO_BIN_EXE_cards"),
        "desk" => env!("CARGO_BIN_EXE_desk"),
        "reconcile" => env!("CARGO_BIN_EXE_reconcile"),
        "setup" => env!("CARGO_BIN_EXE_setup"),
        "notify" => env!("CARGO_BIN_EXE_notify"),
        other => panic!("{other} is no bin"),
    })
}

pub struct Cloud {
    pub world: World,
    endpoint: String,
    cloudformation: String,
    told: Arc<Mutex<Vec<Value>>>,
}

impl Cloud {
    pub async fn new() -> Cloud {
        let ids = Ids::system();
        let world = World::open(WorldOptions {
            folder: None,
            public_url: "https://shop.example.com".to_owned(),
            hold_ms: 900_000,
            orphan_ms: domain::limits::ORPHAN_AGE_MS,
            open_orders_per_contact: 3,
            open_orders_per_address: 30,
            sandbox_pid: "1000".to_owned(),
            clock: Clock::system(),
            secrets: LocalSecrets::in_memory(&ids),
            ids,
            password_hash: None,
            pushes: Pushes { queue: true, outside: Outside::Nothing, aws_endpoint: None, sender: app::Sender::Anybody },
            engine: EngineKind::Embedded,
        })
        .await
        .expect("a world")
        .with_roles(roles());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(endpoint::serve(listener, world.seam(Arc::new(Quiet))));
        // What CloudFormation hears.
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let cloudformation = format!("http://{}/answer?signed=yes", listener.local_addr().unwrap());
        let heard = told.clone();
        tokio::spawn(serve_with(listener, move |request: Request<Vec<u8>>, _| {
            let heard = heard.clone();
            async move {
                assert_eq!(request.method(), Method::PUT);
                heard.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
                http::Response::new(Vec::new())
            }
        }));
        world.parameters.set(&format!("{PATH}/public-url"), "https://shop.example.com");
        Cloud { world, endpoint, cloudformation, told }
    }

    /// What CloudFormation was told so far.
    pub fn told(&self) -> Vec<Value> {
        self.told.lock().unwrap().clone()
    }

    pub fn resource_event(&self, kind: &str) -> Value {
        json!({
            "RequestType": kind, "ResponseURL": self.cloudformation, "RequestId": "request-1", "ResourceType": "Custom::ShopSecrets",
            "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/test/1", "LogicalResourceId": "ShopSecrets",
            "ServiceToken": "arn", "ResourceProperties": {"ServiceToken": "arn"},
        })
    }

    /// As CloudFormation does it at the first deployment.
    pub async fn set_up(&self) {
        let setup = self.start("setup", &[]).await;
        let answer = setup.invoke(&self.resource_event("Create")).await;
        assert_eq!(answer, Answered::Done(json!({"status": "SUCCESS"})));
        let told = self.told().pop().unwrap();
        let expected = json!({
            "Status": "SUCCESS", "Reason": "", "PhysicalResourceId": "shop-secrets", "RequestId": "request-1",
            "StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/test/1", "LogicalResourceId": "ShopSecrets",
        });
        assert_eq!(told, expected);
        for name in ["shop-secret", "admin-password", "admin-password-hash"] {
            let kind = self.world.parameters.get(&format!("{PATH}/{name}")).map(|(kind, _)| kind);
            assert_eq!(kind.as_deref(), Some("SecureString"), "{name}");
        }
    }

    pub fn parameter(&self, name: &str) -> String {
        self.world.parameters.get(&format!("{PATH}/{name}")).unwrap_or_else(|| panic!("{name} is not set")).1
    }

    /// What the functions with the right to cards have in their environment.
    pub fn card_key(&self) -> [(&'static str, &'static str); 1] {
        [("KAMIVEND_CARD_KEY", Kms::KEY)]
    }

    pub async fn start(&self, name: &str, more: &[(&str, &str)]) -> Environment {
        let queue = Sqs::queue_url(self.world.queue_name());
        let notices = Sqs::queue_url(self.world.notices_name().expect("a queue of notices"));
        let mut variables = vec![
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", name),
            ("AWS_SECRET_ACCESS_KEY", "an-example"),
            ("AWS_SESSION_TOKEN", "a-session"),
            ("AWS_ENDPOINT_URL", self.endpoint.as_str()),
            ("KAMIVEND_SHOP_ID", "test"),
            ("KAMIVEND_TABLE_PREFIX", "kamivend"),
            ("KAMIVEND_PARAMETERS", PATH),
            ("KAMIVEND_QUEUE_URL", queue.as_str()),
            ("KAMIVEND_NOTICES_QUEUE_URL", notices.as_str()),
            ("KAMIVEND_MAIL_FROM", "shop@example.com"),
        ];
        variables.extend_from_slice(more);
        Environment::start(binary(name), &variables, self.world.clock().now()).await.expect("a process")
    }

    /// A process with nothing in its environment but what Lambda sets. Answers what its first event met, and what it wrote.
    pub async fn start_bare(&self, name: &str) -> (Answered, String) {
        let environment = Environment::start(binary(name), &[], self.world.clock().now()).await.expect("a process");
        let answer = environment.invoke(&json!({"new_password": false})).await;
        (answer, environment.end().await)
    }

    /// Sends an HTTP request through API Gateway's event, and reads its answer: a document, or text.
    pub async fn http(
        &self,
        function: &Environment,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u64, Value) {
        let mut request = Request::builder().method(method).uri(path).header("host", "shop.example.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.as_bytes().to_vec()).unwrap();
        let event = front::event(&request, "192.0.2.1", self.world.clock().now()).unwrap();
        match function.invoke(&serde_json::from_str(&event).unwrap()).await {
            Answered::Done(answer) => {
                let body = answer["body"].as_str().unwrap_or_default();
                let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
                (answer["statusCode"].as_u64().unwrap(), body)
            }
            other => panic!("{path}: {other:?}"),
        }
    }

    /// A batch from the delivery queue, as the event-source mapping hands it over.
    pub async fn receive(&self) -> Value {
        self.receive_from(self.world.queue_name()).await
    }

    /// The same from the queue of notices.
    pub async fn receive_notices(&self) -> Value {
        self.receive_from(self.world.notices_name().expect("a queue of notices")).await
    }

    async fn receive_from(&self, queue: &str) -> Value {
        let url = Sqs::queue_url(queue);
        let ask = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["All"]});
        let answer = self.world.sqs.handle("AmazonSQS.ReceiveMessage", ask.to_string().as_bytes()).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        let records: Vec<Value> = messages.iter().map(|m| local::poller::record(queue, m)).collect();
        json!({ "Records": records })
    }

    /// The shop table's documents of a kind, as text.
    pub fn documents(&self, kind: &str) -> String {
        let ask = json!({"TableName": "kamivend-shop"});
        let (status, body) = self.world.engine.call("Scan", ask.to_string().as_bytes());
        assert_eq!(status, 200);
        let all: Value = serde_json::from_slice(&body).unwrap();
        let items = all["Items"].as_array().unwrap();
        items.iter().filter(|item| item["kind"]["S"] == kind).map(Value::to_string).collect()
    }
}

/// A page as a browser without cookies gets it.
pub async fn form(function: &Environment, cloud: &Cloud, path: &str) -> String {
    let (_, page) = cloud.http(function, Method::GET, path, &[("accept", "text/html")], "").await;
    page.as_str().unwrap_or_default().to_owned()
}
