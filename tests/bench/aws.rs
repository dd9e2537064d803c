//! Stands where AWS is: answers at once, on loopback, what an empty shop would be answered.

use crate::http;
use serde_json::{Value, json};
use std::io::BufReader;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// AWS, as far as a function can tell.
#[derive(Clone)]
pub struct Aws {
    /// Where it answers.
    pub address: SocketAddr,
    calls: Arc<AtomicU64>,
}

impl Aws {
    /// Begins to answer.
    pub fn start() -> std::io::Result<Aws> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let aws = Aws { address: listener.local_addr()?, calls: Arc::default() };
        let calls = aws.calls.clone();
        http::serve(listener, move |stream| connection(stream, &calls));
        Ok(aws)
    }

    /// How often it was called so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

fn connection(mut stream: TcpStream, calls: &AtomicU64) -> std::io::Result<()> {
    let mut from = BufReader::new(stream.try_clone()?);
    while let Some(request) = http::read(&mut from)? {
        calls.fetch_add(1, Ordering::Relaxed);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let operation = request.header("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned();
        let answer = answer(&operation, &body).to_string();
        http::write(&mut stream, 200, &[("content-type", "application/x-amz-json-1.1")], answer.as_bytes())?;
    }
    Ok(())
}

fn answer(operation: &str, body: &Value) -> Value {
    match operation {
        "GetParameters" => {
            let names = body["Names"].as_array().cloned().unwrap_or_default();
            let found: Vec<Value> = names.iter().map(|name| json!({"Name": name, "Value": parameter(name)})).collect();
            json!({"Parameters": found, "InvalidParameters": []})
        }
        "Query" | "Scan" => json!({"Items": [], "Count": 0, "ScannedCount": 0}),
        "BatchGetItem" => json!({"Responses": {}, "UnprocessedKeys": {}}),
        "SendMessage" => json!({"MessageId": "1"}),
        _ => json!({}),
    }
}

fn parameter(name: &Value) -> String {
    match name.as_str().unwrap_or_default().rsplit('/').next() {
        Some("public-url") => "https://shop.example.com".to_owned(),
        Some("admin-password-hash") => format!("pbkdf2-sha256$600000${}${}", "A".repeat(22), "A".repeat(43)),
        // Any 32 bytes are a secret.
        _ => "5e".repeat(32),
    }
}
