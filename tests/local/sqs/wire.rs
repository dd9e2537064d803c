//! The JSON itself, where the SDK would forgive what another client might not.

use super::shop;

#[tokio::test(start_paused = true)]
async fn refusals_have_the_shape_that_clients_parse() {
    let (sqs, client, url) = shop(&[]).await;
    let unreceived = format!(r#"{{"QueueUrl":"{url}","VisibilityTimeout":1}}"#);
    for (target, body, status, shape, header) in [
        (
            "AmazonSQS.SendMessage",
            r#"{"QueueUrl":"http://sqs.local/000000000000/none","MessageBody":"x"}"#,
            400,
            "com.amazonaws.sqs#QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue;Sender",
        ),
        (
            "AmazonSQS.SendMessage",
            "{}",
            400,
            "com.amazonaws.sqs#QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue;Sender",
        ),
        (
            "AmazonSQS.DeleteMessage",
            &unreceived,
            400,
            "com.amazon.coral.service#MissingRequiredParameterException",
            "MissingParameter;Sender",
        ),
        (
            "AmazonSQS.GetQueueUrl",
            "",
            400,
            "com.amazon.coral.service#InvalidParameterValueException",
            "InvalidParameterValue;Sender",
        ),
        (
            "AmazonSQS.TagQueue",
            "{}",
            400,
            "com.amazonaws.sqs#UnsupportedOperation",
            "AWS.SimpleQueueService.UnsupportedOperation;Sender",
        ),
        ("AmazonSQS.Dance", "{}", 400, "com.amazon.coral.service#UnknownOperationException", "InvalidAction;Sender"),
        ("", "{}", 400, "com.amazon.coral.service#UnknownOperationException", "InvalidAction;Sender"),
        (
            "DynamoDB_20120810.PutItem",
            "{}",
            400,
            "com.amazon.coral.service#UnknownOperationException",
            "InvalidAction;Sender",
        ),
        (
            "AmazonSQS.SendMessage",
            r#"{"QueueUrl": 7, "MessageBody": "secret"}"#,
            400,
            "com.amazon.coral.service#SerializationException",
            "MalformedInput;Sender",
        ),
        (
            "AmazonSQS.ReceiveMessage",
            r#"["secret""#,
            400,
            "com.amazon.coral.service#SerializationException",
            "MalformedInput;Sender",
        ),
        (
            "AmazonSQS.SendMessage",
            "{\"MessageBody\": \"secret\\ud800\"}",
            400,
            "com.amazon.coral.service#SerializationException",
            "MalformedInput;Sender",
        ),
    ] {
        let answer = sqs.handle(target, body.as_bytes()).await;
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((answer.status, json["__type"].as_str()), (status, Some(shape)), "{target} {body}");
        assert_eq!(answer.error_code.as_deref(), Some(header), "{target} {body}");
        assert!(!json["message"].as_str().unwrap().contains("secret"), "{json}");
    }
    let error = client.list_queue_tags().queue_url(&url).send().await.unwrap_err().into_service_error();
    assert!(error.is_unsupported_operation(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn answers_have_the_shape_that_clients_parse() {
    let (sqs, _, url) = shop(&[]).await;
    let ask = async |operation: &str, body: serde_json::Value| {
        let answer = sqs.handle(&format!("AmazonSQS.{operation}"), body.to_string().as_bytes()).await;
        assert_eq!((answer.status, answer.error_code), (200, None), "{operation}");
        serde_json::from_slice::<serde_json::Value>(&answer.body).unwrap()
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let at = |rest: &str| json(&format!(r#"{{"QueueUrl":"{url}"{rest}}}"#));
    let sent = ask("SendMessage", at(r#","MessageBody":"x","Unheard":{"of":1},"MessageAttributes":null"#)).await;
    assert_eq!(sent.as_object().unwrap().keys().collect::<Vec<_>>(), ["MD5OfMessageBody", "MessageId"]);
    let received = ask("ReceiveMessage", at("")).await;
    let keys: Vec<_> = received["Messages"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["Body", "MD5OfBody", "MessageId", "ReceiptHandle"]);
    assert_eq!(ask("ReceiveMessage", at("")).await, json("{}"), "no message, no list");
    let receipt = received["Messages"][0]["ReceiptHandle"].as_str().unwrap();
    let deleted = ask("DeleteMessage", at(&format!(r#","ReceiptHandle":"{receipt}""#))).await;
    assert_eq!(deleted, json("{}"));
    let batch =
        ask("DeleteMessageBatch", at(&format!(r#","Entries":[{{"Id":"a","ReceiptHandle":"{receipt}"}}]"#))).await;
    assert_eq!(batch, json(r#"{"Failed":[],"Successful":[{"Id":"a"}]}"#));
    assert_eq!(ask("ListQueues", json("{}")).await, json(&format!(r#"{{"QueueUrls":["{url}"]}}"#)));
}
