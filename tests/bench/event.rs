//! The first event of every function: the plainest one that makes it do its own work.

use serde_json::{Value, json};

/// An order that nobody made.
const ORDER: &str = "o_00000000000000000000000000";

/// What a function is first asked.
pub fn of(function: &str) -> Value {
    match function {
        "storefront" => http("GET", "/api/products"),
        "create_order" => http("GET", "/p/planted"),
        "order" => http("GET", &format!("/o/{ORDER}")),
        "reveal" => http("GET", &format!("/o/{ORDER}/keys")),
        "payment_webhook" => http("GET", "/webhooks/planted"),
        "admin" => http("GET", "/api/admin/settings"),
        "desk" => http("GET", "/api/admin/attention"),
        "cards" => http("GET", "/api/admin/products/planted/cards"),
        "reconcile" => json!({"job": "reconcile"}),
        "setup" => json!({"new_password": false}),
        "deliver" | "notify" => json!({"Records": [{
            "messageId": "1", "receiptHandle": "1", "body": "{}", "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:planted",
        }]}),
        _ => http("GET", "/"),
    }
}

/// An event of an HTTP API, payload format 2.0.
/// Source: <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>
fn http(method: &str, path: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"accept": "text/html", "host": "shop.example.com", "accept-language": "zh-CN"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "shop.example.com", "requestId": "1",
            "routeKey": "$default", "stage": "$default", "time": "22/Nov/2026:00:00:00 +0000", "timeEpoch": 1_795_305_600_000_i64,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench"},
        },
        "isBase64Encoded": false,
    })
}
