//! Queues: made, found, listed, set, purged, deleted.

use aws_sdk_sqs::types::QueueAttributeName;
use local::sqs::Sqs;

use super::{depth, queue, receive, received, refusal, refused, seconds, send, shop};

#[tokio::test(start_paused = true)]
async fn a_queue_is_made_found_listed_and_deleted() {
    let (_, client, url) = shop(&[]).await;
    assert_eq!(url, "http://sqs.local/000000000000/q");
    assert_eq!(url, Sqs::queue_url("q"));
    assert_eq!(client.get_queue_url().queue_name("q").send().await.unwrap().queue_url(), Some(url.as_str()));

    for name in ["orders-3", "orders-1", "orders-2"] {
        queue(&client, name, &[]).await;
    }
    let listed = client.list_queues().queue_name_prefix("orders-").send().await.unwrap();
    assert_eq!(listed.queue_urls(), ["orders-1", "orders-2", "orders-3"].map(Sqs::queue_url));
    assert_eq!(listed.next_token(), None);
    let page = client.list_queues().max_results(3).send().await.unwrap();
    assert_eq!(page.queue_urls(), ["orders-1", "orders-2", "orders-3"].map(Sqs::queue_url));
    let rest = client.list_queues().max_results(3).next_token(page.next_token().unwrap()).send().await.unwrap();
    assert_eq!((rest.queue_urls(), rest.next_token()), (&[Sqs::queue_url("q")][..], None));

    client.delete_queue().queue_url(&url).send().await.unwrap();
    let gone = client.get_queue_url().queue_name("q").send().await.unwrap_err().into_service_error();
    assert!(gone.is_queue_does_not_exist(), "{gone:?}");
    let send = client.send_message().queue_url(&url).message_body("x").send().await.unwrap_err().into_service_error();
    assert!(send.is_queue_does_not_exist(), "{send:?}");
    let receive = client.receive_message().queue_url(&url).send().await.unwrap_err().into_service_error();
    assert!(receive.is_queue_does_not_exist(), "{receive:?}");
    let gone = refused("AWS.SimpleQueueService.NonExistentQueue");
    assert_eq!(refusal(client.delete_queue().queue_url(&url).send().await), gone);
    assert_eq!(refusal(client.purge_queue().queue_url(&url).send().await), gone);
    assert_eq!(refusal(client.get_queue_attributes().queue_url(&url).send().await), gone);
    assert_eq!(refusal(client.delete_message().queue_url(&url).receipt_handle("h").send().await), gone);
    for odd in ["q", "http://sqs.local/q", "http://sqs.local/111111111111/q", "http://sqs.local/000000000000/q.fifo"] {
        assert_eq!(refusal(client.send_message().queue_url(odd).message_body("x").send().await), gone, "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn creating_a_queue_again_is_no_error_unless_something_differs() {
    let (_, client, url) = shop(&[(QueueAttributeName::DelaySeconds, "5")]).await;
    assert_eq!(queue(&client, "q", &[]).await, url);
    assert_eq!(queue(&client, "q", &[(QueueAttributeName::DelaySeconds, "5")]).await, url);
    let other = client.create_queue().queue_name("q").attributes(QueueAttributeName::DelaySeconds, "6").send().await;
    let error = other.unwrap_err().into_service_error();
    assert!(error.is_queue_name_exists(), "{error:?}");

    let name = "n".repeat(80);
    queue(&client, &name, &[]).await;
    for name in ["", "a b", "a.fifo", "a/b", "ü", &"n".repeat(81)] {
        let outcome = client.create_queue().queue_name(name).send().await;
        assert_eq!(refusal(outcome), refused("InvalidParameterValue"), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn attributes_have_defaults_bounds_and_names() {
    let (_, client, url) = shop(&[]).await;
    send(&client, &url, "a").await;
    send(&client, &url, "b").await;
    client.send_message().queue_url(&url).message_body("c").delay_seconds(60).send().await.unwrap();
    received(receive(&client, &url).max_number_of_messages(1)).await;
    seconds(2).await;

    let all = client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::All).send().await;
    let all = all.unwrap().attributes.unwrap();
    let expected = [
        (QueueAttributeName::ApproximateNumberOfMessages, "1"),
        (QueueAttributeName::ApproximateNumberOfMessagesDelayed, "1"),
        (QueueAttributeName::ApproximateNumberOfMessagesNotVisible, "1"),
        (QueueAttributeName::CreatedTimestamp, "1750000000"),
        (QueueAttributeName::DelaySeconds, "0"),
        (QueueAttributeName::LastModifiedTimestamp, "1750000000"),
        (QueueAttributeName::MaximumMessageSize, "1048576"),
        (QueueAttributeName::MessageRetentionPeriod, "345600"),
        (QueueAttributeName::QueueArn, "arn:aws:sqs:local:000000000000:q"),
        (QueueAttributeName::ReceiveMessageWaitTimeSeconds, "0"),
        (QueueAttributeName::SqsManagedSseEnabled, "true"),
        (QueueAttributeName::VisibilityTimeout, "30"),
    ];
    for (name, value) in &expected {
        assert_eq!(all.get(name).map(String::as_str), Some(*value), "{name}");
    }
    assert_eq!(all.len(), expected.len());

    let set = |name: QueueAttributeName, value: &str| {
        client.set_queue_attributes().queue_url(&url).attributes(name, value).send()
    };
    set(QueueAttributeName::VisibilityTimeout, "43200").await.unwrap();
    set(QueueAttributeName::Policy, "{}").await.unwrap();
    let some = client
        .get_queue_attributes()
        .queue_url(&url)
        .attribute_names(QueueAttributeName::VisibilityTimeout)
        .attribute_names(QueueAttributeName::LastModifiedTimestamp)
        .attribute_names(QueueAttributeName::RedrivePolicy)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    assert_eq!(some.len(), 2, "a policy that is not set is not shown");
    assert_eq!(some[&QueueAttributeName::VisibilityTimeout], "43200");
    assert_eq!(some[&QueueAttributeName::LastModifiedTimestamp], "1750000002");
    let none = client.get_queue_attributes().queue_url(&url).send().await.unwrap();
    assert!(none.attributes.unwrap_or_default().is_empty());

    for (name, min, max) in [
        (QueueAttributeName::VisibilityTimeout, 0, 43_200),
        (QueueAttributeName::DelaySeconds, 0, 900),
        (QueueAttributeName::MessageRetentionPeriod, 60, 1_209_600),
        (QueueAttributeName::ReceiveMessageWaitTimeSeconds, 0, 20),
        (QueueAttributeName::MaximumMessageSize, 1_024, 1_048_576),
    ] {
        for good in [min, max] {
            set(name.clone(), &good.to_string()).await.unwrap();
        }
        for bad in [(min - 1).to_string(), (max + 1).to_string(), "many".to_owned(), String::new()] {
            let error = set(name.clone(), &bad).await.unwrap_err().into_service_error();
            assert!(error.is_invalid_attribute_value(), "{name} {bad}: {error:?}");
        }
    }
    let error = set(QueueAttributeName::FifoQueue, "true").await.unwrap_err().into_service_error();
    assert!(error.is_invalid_attribute_name(), "{error:?}");
    let error = set(QueueAttributeName::QueueArn, "x").await.unwrap_err().into_service_error();
    assert!(error.is_invalid_attribute_name(), "{error:?}");
    let ask = client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::from("Colour"));
    let error = ask.send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_attribute_name(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_purge_empties_the_queue_once_a_minute() {
    let (sqs, client, url) = shop(&[]).await;
    for body in ["a", "b"] {
        send(&client, &url, body).await;
    }
    received(receive(&client, &url).max_number_of_messages(1)).await;
    client.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 0, 0));
    seconds(59).await;
    let error = client.purge_queue().queue_url(&url).send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    assert!(error.into_service_error().is_purge_queue_in_progress());
    seconds(1).await;
    client.purge_queue().queue_url(&url).send().await.unwrap();
}
