//! Receives: visibility, handles, delays, retention, the number in flight.

use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use tokio::time::{Instant, sleep};

use super::{
    bodies, delete, depth, handle, one, queue, receive, receive_count, received, redrive, refusal, refused, seconds,
    send, shop, system,
};

#[tokio::test(start_paused = true)]
async fn a_received_message_is_hidden_until_its_time_is_up() {
    let (sqs, client, url) = shop(&[]).await;
    send(&client, &url, "a").await;
    let first = one(&client, &url).await;
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 1, 0));
    sleep(Duration::from_millis(29_999)).await;
    assert_eq!(received(receive(&client, &url)).await, []);
    sleep(Duration::from_millis(1)).await;
    let second = one(&client, &url).await;
    assert_eq!(first.message_id(), second.message_id());
    assert_ne!(first.receipt_handle(), second.receipt_handle());
    assert_eq!((receive_count(&first), receive_count(&second)), ("1", "2"));
    let at = MessageSystemAttributeName::ApproximateFirstReceiveTimestamp;
    assert_eq!(system(&second, at), Some("1750000000000"), "the first receive and not the last");

    // One receive may ask for another time, up to twelve hours.
    seconds(30).await;
    received(receive(&client, &url).visibility_timeout(43_200)).await;
    seconds(43_199).await;
    assert_eq!(received(receive(&client, &url)).await, []);
    seconds(1).await;
    let forth = received(receive(&client, &url).visibility_timeout(0)).await;
    assert_eq!(receive_count(&forth[0]), "4");
    assert_eq!(receive_count(&one(&client, &url).await), "5", "hidden for no time at all");

    for bad in [-1, 43_201] {
        let outcome = receive(&client, &url).visibility_timeout(bad).send().await;
        assert_eq!(refusal(outcome), refused("InvalidParameterValue"));
    }
    for bad in [0, 11] {
        let outcome = receive(&client, &url).max_number_of_messages(bad).send().await;
        assert_eq!(refusal(outcome), refused("InvalidParameterValue"));
    }
    for bad in [-1, 21] {
        let outcome = receive(&client, &url).wait_time_seconds(bad).send().await;
        assert_eq!(refusal(outcome), refused("InvalidParameterValue"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_may_change_how_long_a_message_stays_hidden() {
    let (_, client, url) = shop(&[]).await;
    let change = |message: &Message, seconds: i32| {
        let change = client.change_message_visibility().queue_url(&url).receipt_handle(handle(message));
        change.visibility_timeout(seconds).send()
    };
    send(&client, &url, "a").await;
    let message = one(&client, &url).await;
    seconds(10).await;
    // From now on, not from the receive.
    change(&message, 60).await.unwrap();
    seconds(59).await;
    assert_eq!(received(receive(&client, &url)).await, []);
    change(&message, 0).await.unwrap();
    let again = one(&client, &url).await;
    assert_eq!(receive_count(&again), "2");

    // The first receiver has lost the message to the second.
    assert_eq!(refusal(change(&message, 60).await), refused("InvalidParameterValue"));
    // Its own handle still counts after the time is up, until somebody else receives the message.
    seconds(31).await;
    change(&again, 60).await.unwrap();
    assert_eq!(received(receive(&client, &url)).await, []);

    // Twelve hours from the receive is the most, however it is split.
    change(&again, 43_200 - 31).await.unwrap();
    assert_eq!(refusal(change(&again, 43_200 - 30).await), refused("InvalidParameterValue"));
    assert_eq!(refusal(change(&again, -1).await), refused("InvalidParameterValue"));
    let without = client.change_message_visibility().queue_url(&url).receipt_handle(handle(&again)).send().await;
    assert_eq!(refusal(without), refused("MissingParameter"));
    delete(&client, &url, &again).await;
    assert_eq!(refusal(change(&again, 60).await), refused("InvalidParameterValue"), "deleted");
}

#[tokio::test(start_paused = true)]
async fn a_handle_of_an_earlier_receive_deletes_nothing() {
    let (sqs, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "5")]).await;
    send(&client, &url, "a").await;
    let first = one(&client, &url).await;
    seconds(5).await;
    let second = one(&client, &url).await;
    delete(&client, &url, &first).await;
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 1, 0), "a success in name only");
    seconds(5).await;
    delete(&client, &url, &first).await;
    assert_eq!(sqs.depth("q").unwrap(), depth(1, 0, 0));
    delete(&client, &url, &second).await;
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 0, 0), "the latest handle deletes even after its time");
    delete(&client, &url, &second).await;

    let other = queue(&client, "other", &[]).await;
    send(&client, &url, "b").await;
    let message = one(&client, &url).await;
    let genuine = handle(&message);
    let broken = |at: usize| {
        let other = if genuine[at..].starts_with('A') { "B" } else { "A" };
        format!("{}{other}{}", &genuine[..at], &genuine[at + 1..])
    };
    let broken = [broken(0), broken(30), broken(50), genuine[..50].to_owned(), format!("{genuine}A")];
    let broken = broken.iter().map(|handle| (&url, handle.as_str()));
    for (url, handle) in broken.chain([(&url, "odd"), (&url, ""), (&other, genuine)]) {
        let error = client.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap_err();
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 404);
        let error = error.into_service_error();
        assert!(error.is_receipt_handle_is_invalid(), "{handle}: {error:?}");
        let change = client.change_message_visibility().queue_url(url).receipt_handle(handle).visibility_timeout(1);
        let error = change.send().await.unwrap_err().into_service_error();
        assert!(error.is_receipt_handle_is_invalid(), "{handle}: {error:?}");
    }
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_a_message_back() {
    let (sqs, client, url) = shop(&[(QueueAttributeName::DelaySeconds, "10")]).await;
    send(&client, &url, "the queue's").await;
    let own = |body: &str, seconds: i32| {
        client.send_message().queue_url(&url).message_body(body).delay_seconds(seconds).send()
    };
    own("none", 0).await.unwrap();
    own("the longest", 900).await.unwrap();
    assert_eq!(sqs.depth("q").unwrap(), depth(1, 0, 2));
    assert_eq!(bodies(&received(receive(&client, &url).visibility_timeout(2_000)).await), ["none"]);
    seconds(9).await;
    assert_eq!(received(receive(&client, &url)).await, []);
    seconds(1).await;
    assert_eq!(bodies(&received(receive(&client, &url).visibility_timeout(2_000)).await), ["the queue's"]);
    seconds(890).await;
    assert_eq!(bodies(&received(receive(&client, &url)).await), ["the longest"]);
    for bad in [-1, 901] {
        assert_eq!(refusal(own("x", bad).await), refused("InvalidParameterValue"));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_are_forgotten_when_their_retention_ends() {
    let (sqs, client, url) = shop(&[(QueueAttributeName::MessageRetentionPeriod, "60")]).await;
    let dead = queue(&client, "dead", &[(QueueAttributeName::MessageRetentionPeriod, "90")]).await;
    send(&client, &url, "received").await;
    let message = received(receive(&client, &url).visibility_timeout(600)).await.remove(0);
    seconds(20).await;
    send(&client, &url, "younger").await;
    sleep(Duration::from_millis(39_999)).await;
    assert_eq!(sqs.depth("q").unwrap(), depth(1, 1, 0));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(sqs.depth("q").unwrap(), depth(1, 0, 0), "in flight or not");
    delete(&client, &url, &message).await;

    // A message that moves to its dead-letter queue keeps its age.
    let set = client.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::RedrivePolicy, redrive("dead", 1)).send().await.unwrap();
    received(receive(&client, &url).visibility_timeout(1)).await;
    seconds(1).await;
    assert_eq!(received(receive(&client, &url)).await, []);
    assert_eq!(sqs.depth("dead").unwrap(), depth(1, 0, 0));
    seconds(48).await;
    assert_eq!(received(receive(&client, &dead).visibility_timeout(0)).await.len(), 1);
    seconds(1).await;
    assert_eq!(sqs.depth("dead").unwrap(), depth(0, 0, 0));

    // A receive comes too late as well, and so does a change.
    send(&client, &url, "lost").await;
    seconds(60).await;
    assert_eq!(received(receive(&client, &url)).await, []);
    send(&client, &url, "held").await;
    let held = received(receive(&client, &url).visibility_timeout(600)).await.remove(0);
    seconds(60).await;
    let change = client.change_message_visibility().queue_url(&url).receipt_handle(handle(&held));
    assert_eq!(refusal(change.visibility_timeout(0).send().await), refused("InvalidParameterValue"));

    // The default is four days.
    let lasting = queue(&client, "lasting", &[]).await;
    send(&client, &lasting, "x").await;
    seconds(4 * 86_400 - 1).await;
    assert_eq!(sqs.depth("lasting").unwrap(), depth(1, 0, 0));
    seconds(1).await;
    assert_eq!(sqs.depth("lasting").unwrap(), depth(0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_messages_may_be_in_flight() {
    let (sqs, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "10")]).await;
    sqs.set_in_flight_max(3);
    for body in ["a", "b", "c", "d"] {
        send(&client, &url, body).await;
    }
    let messages = received(receive(&client, &url)).await;
    assert_eq!(bodies(&messages), ["a", "b", "c"], "a receive takes what there is room for");
    let error = receive(&client, &url).send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    assert!(error.into_service_error().is_over_limit());

    // A long poll is not refused but waits for room, which a delete makes.
    let start = Instant::now();
    let (waited, ()) = tokio::join!(received(receive(&client, &url).wait_time_seconds(20)), async {
        seconds(4).await;
        delete(&client, &url, &messages[1]).await;
    });
    assert_eq!((bodies(&waited), start.elapsed().as_secs()), (vec!["d"], 4));
    // Or time does.
    let waited = received(receive(&client, &url).wait_time_seconds(20)).await;
    assert_eq!((bodies(&waited), start.elapsed().as_secs()), (vec!["a", "c"], 10));
}
