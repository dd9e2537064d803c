//! Redrive policies: what is received too often moves aside.

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use local::sqs::Sqs;

use super::{
    bodies, delete, depth, one, queue, receive, receive_count, received, redrive, refusal, refused, seconds, send,
    shop, system, wait,
};

#[tokio::test(start_paused = true)]
async fn what_fails_too_often_moves_to_the_dead_letter_queue() {
    let (sqs, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "10")]).await;
    let dead = queue(&client, "dead", &[]).await;
    let set = client.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::RedrivePolicy, redrive("dead", 3)).send().await.unwrap();
    for body in ["good", "poison", "slow"] {
        send(&client, &url, body).await;
    }
    // Each round works like a function that reports the failures of its batch: what did not fail is deleted.
    let mut seen = Vec::new();
    for round in 1..=4 {
        let messages = received(receive(&client, &url)).await;
        seen.push(bodies(&messages).join(" "));
        for message in &messages {
            assert_eq!(receive_count(message), round.to_string());
            let fails = match message.body().unwrap() {
                "poison" => true,
                "slow" => round == 1,
                _ => false,
            };
            if !fails {
                delete(&client, &url, message).await;
            }
        }
        if round == 3 {
            assert_eq!(sqs.depth("dead").unwrap(), depth(0, 0, 0), "not before the receive after the last");
        }
        seconds(10).await;
    }
    assert_eq!(seen, ["good poison slow", "poison slow", "poison", ""]);
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 0, 0));
    assert_eq!(sqs.depth("dead").unwrap(), depth(1, 0, 0));
    assert_eq!(sqs.dump("dead").unwrap()[0].moved_from.as_deref(), Some("q"));

    let message = one(&client, &dead).await;
    assert_eq!(message.body(), Some("poison"));
    assert_eq!(receive_count(&message), "4", "the count goes on across queues");
    assert_eq!(system(&message, MessageSystemAttributeName::SentTimestamp), Some("1750000000000"));
    let source = system(&message, MessageSystemAttributeName::DeadLetterQueueSourceArn);
    assert_eq!(source, Some(Sqs::queue_arn("q").as_str()));
    delete(&client, &dead, &message).await;
    assert_eq!(sqs.depth("dead").unwrap(), depth(0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_move_wakes_who_waits_on_the_dead_letter_queue_and_ends_old_handles() {
    let (sqs, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "10")]).await;
    let dead = queue(&client, "dead", &[]).await;
    let set = client.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::RedrivePolicy, redrive("dead", 1)).send().await.unwrap();
    send(&client, &url, "a").await;
    send(&client, &url, "b").await;
    let old = received(receive(&client, &url)).await;
    seconds(11).await;
    send(&client, &url, "fresh").await;
    let polling = async {
        seconds(1).await;
        // Two used-up messages come before the fresh one, and do not count against the one asked for.
        let messages = received(receive(&client, &url).max_number_of_messages(1)).await;
        assert_eq!(bodies(&messages), ["fresh"]);
    };
    let (came, after_ms) = wait(&client, &dead, polling).await;
    assert_eq!((came, after_ms), (vec!["a".to_owned(), "b".to_owned()], 1_000));
    // The consumer that was too slow deletes in vain.
    delete(&client, &url, &old[0]).await;
    assert_eq!(sqs.depth("dead").unwrap(), depth(0, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_redrive_policy_names_another_queue_that_exists() {
    let (sqs, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
    let dead = queue(&client, "dead", &[]).await;
    let set = |policy: String| {
        let set = client.set_queue_attributes().queue_url(&url);
        set.attributes(QueueAttributeName::RedrivePolicy, policy).send()
    };
    for bad in [
        redrive("dead", 0),
        redrive("dead", 1_001),
        redrive("none", 1),
        redrive("q", 1),
        r#"{"deadLetterTargetArn":"dead","maxReceiveCount":1}"#.to_owned(),
        format!(r#"{{"deadLetterTargetArn":"{}"}}"#, Sqs::queue_arn("dead")),
        r#"{"maxReceiveCount":1}"#.to_owned(),
    ] {
        assert_eq!(refusal(set(bad.clone()).await), refused("InvalidParameterValue"), "{bad}");
    }
    assert_eq!(refusal(set("[]".to_owned()).await), refused("InvalidAttributeValue"));

    set(redrive("dead", 2).replace('2', r#""2""#)).await.unwrap();
    let shown = client.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::RedrivePolicy);
    let shown = shown.send().await.unwrap().attributes.unwrap().remove(&QueueAttributeName::RedrivePolicy).unwrap();
    assert_eq!(shown, redrive("dead", 2), "a count in quotes is a count");

    // Without its dead-letter queue, a queue goes on as if it had no policy.
    client.delete_queue().queue_url(&dead).send().await.unwrap();
    send(&client, &url, "a").await;
    for round in 1..=4 {
        assert_eq!(receive_count(&one(&client, &url).await), round.to_string());
    }
    set(String::new()).await.unwrap();
    assert_eq!(sqs.depth("q").unwrap(), depth(1, 0, 0));
}
