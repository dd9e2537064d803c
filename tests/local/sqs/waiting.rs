//! Long polls, on paused time, on a clock set by hand and on real time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use local::sqs::{Clock, Sqs, Storage};
use tokio::time::{Instant, sleep, timeout};

use super::{
    START_MS, bodies, entry, handle, ids, one, queue, receive, received, refusal, refused, seam, seconds, send, shop,
    wait,
};

fn came(body: &str, after_ms: u128) -> (Vec<String>, u128) {
    (vec![body.to_owned()], after_ms)
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receive_wakes_at_once() {
    let (_, client, url) = shop(&[]).await;
    send(&client, &url, "there").await;
    assert_eq!(wait(&client, &url, async {}).await, came("there", 0));

    let sending = async {
        seconds(7).await;
        send(&client, &url, "sent").await;
    };
    assert_eq!(wait(&client, &url, sending).await, came("sent", 7_000));
    let batch = client.send_message_batch().queue_url(&url).entries(entry("a", "batch"));
    let sending = async {
        seconds(7).await;
        batch.send().await.unwrap();
    };
    assert_eq!(wait(&client, &url, sending).await, came("batch", 7_000));

    // Delayed before the wait, and during it.
    let delayed = |body: &str, seconds: i32| {
        client.send_message().queue_url(&url).message_body(body).delay_seconds(seconds).send()
    };
    delayed("delayed", 3).await.unwrap();
    assert_eq!(wait(&client, &url, async {}).await, came("delayed", 3_000));
    let sending = async {
        seconds(1).await;
        delayed("delayed", 3).await.unwrap();
    };
    assert_eq!(wait(&client, &url, sending).await, came("delayed", 4_000));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receive_gets_what_another_gives_back() {
    let (_, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "12")]).await;
    send(&client, &url, "a").await;
    let message = one(&client, &url).await;
    assert_eq!(wait(&client, &url, async {}).await, came("a", 12_000), "its time is up");

    seconds(12).await;
    let message_again = one(&client, &url).await;
    assert_ne!(message.receipt_handle(), message_again.receipt_handle());
    let giving = async {
        seconds(2).await;
        let change = client.change_message_visibility().queue_url(&url).receipt_handle(handle(&message_again));
        change.visibility_timeout(0).send().await.unwrap();
    };
    assert_eq!(wait(&client, &url, giving).await, came("a", 2_000));

    seconds(12).await;
    let message = one(&client, &url).await;
    let shortening = async {
        seconds(1).await;
        let change = client.change_message_visibility().queue_url(&url).receipt_handle(handle(&message));
        change.visibility_timeout(3).send().await.unwrap();
    };
    assert_eq!(wait(&client, &url, shortening).await, came("a", 4_000));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receive_ends_empty_at_its_time() {
    let (_, client, url) = shop(&[]).await;
    assert_eq!(wait(&client, &url, async {}).await, (vec![], 20_000));
    let start = Instant::now();
    let empty = receive(&client, &url).send().await.unwrap();
    assert_eq!((empty.messages, start.elapsed().as_millis()), (None, 0), "no wait was asked for");

    let patient = queue(&client, "patient", &[(QueueAttributeName::ReceiveMessageWaitTimeSeconds, "5")]).await;
    assert_eq!(received(receive(&client, &patient)).await, []);
    assert_eq!(start.elapsed().as_secs(), 5, "the queue's own wait");
    assert_eq!(received(receive(&client, &patient).wait_time_seconds(0)).await, []);
    assert_eq!(start.elapsed().as_secs(), 5, "the receive's own");

    // A queue that goes away is worth an error at once.
    let (outcome, ()) = tokio::join!(receive(&client, &patient).wait_time_seconds(20).send(), async {
        seconds(1).await;
        client.delete_queue().queue_url(&patient).send().await.unwrap();
    });
    assert_eq!(refusal(outcome), refused("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(start.elapsed().as_secs(), 6);
}

#[tokio::test(start_paused = true)]
async fn of_two_waiting_receives_one_gets_the_message() {
    let (_, client, url) = shop(&[]).await;
    let (one, other, ()) = tokio::join!(
        received(receive(&client, &url).wait_time_seconds(20)),
        received(receive(&client, &url).wait_time_seconds(20)),
        async {
            seconds(1).await;
            send(&client, &url, "a").await;
        }
    );
    assert_eq!(one.len() + other.len(), 1);
    // A receive that is given up takes nothing with it.
    assert!(timeout(Duration::from_secs(1), received(receive(&client, &url).wait_time_seconds(20))).await.is_err());
    send(&client, &url, "b").await;
    assert_eq!(bodies(&received(receive(&client, &url)).await), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_by_hand_serves_as_well() {
    let now = Arc::new(AtomicI64::new(START_MS));
    let hands = Arc::clone(&now);
    let sqs = Sqs::open(Storage::Memory, Arc::new(move || hands.load(Ordering::SeqCst)), ids(1)).unwrap();
    let client = seam::client(&sqs);
    let url = queue(&client, "q", &[]).await;
    client.send_message().queue_url(&url).message_body("a").delay_seconds(900).send().await.unwrap();
    assert_eq!(wait(&client, &url, async {}).await, (vec![], 20_000), "the hands stand still, the wait ends");
    let setting = async {
        seconds(1).await;
        now.fetch_add(900_000, Ordering::SeqCst);
        sqs.clock_moved();
    };
    assert_eq!(wait(&client, &url, setting).await, came("a", 1_000));
}

/// Another thread sends at the n-th reading of the clock, which is as close as a test comes to any moment of a receive:
/// before its look, during it, and between the look and the sleep, where an unheard send would cost the whole wait.
#[tokio::test]
async fn no_send_goes_unheard() {
    for nth in 1..=3 {
        let engine: Arc<OnceLock<Sqs>> = Arc::default();
        // Counts down to the send; far from it until the receive is about to begin.
        let countdown = Arc::new(AtomicI64::new(i64::MAX));
        let (lent, counted, start) = (Arc::clone(&engine), Arc::clone(&countdown), Instant::now());
        let clock: Clock = Arc::new(move || {
            if counted.fetch_sub(1, Ordering::SeqCst) == 1 {
                let sqs = lent.get().unwrap().clone();
                let (done, is_done) = std::sync::mpsc::channel();
                std::thread::spawn(move || {
                    let body = format!(r#"{{"QueueUrl":"{}","MessageBody":"a"}}"#, Sqs::queue_url("q"));
                    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                    runtime.block_on(sqs.handle("AmazonSQS.SendMessage", body.as_bytes()));
                    let _ = done.send(());
                });
                // Where the engine reads the clock under its lock, the send must wait for it and not it for the send.
                let _ = is_done.recv_timeout(Duration::from_millis(100));
            }
            START_MS + i64::try_from(start.elapsed().as_millis()).unwrap()
        });
        let sqs = engine.get_or_init(|| Sqs::open(Storage::Memory, clock, ids(1)).unwrap()).clone();
        let client = seam::client(&sqs);
        let url = queue(&client, "q", &[]).await;
        client.send_message().queue_url(&url).message_body("later").delay_seconds(900).send().await.unwrap();
        countdown.store(nth, Ordering::SeqCst);
        let waiting = timeout(Duration::from_secs(10), received(receive(&client, &url).wait_time_seconds(20))).await;
        match waiting {
            Ok(messages) => assert_eq!(bodies(&messages), ["a"], "{nth}"),
            // With so late a reading the receive was asleep before it, and nothing was sent.
            Err(_) => assert!(countdown.load(Ordering::SeqCst) > 0, "{nth}: unheard"),
        }
    }
}

#[tokio::test]
async fn real_time_serves_as_well() {
    let start = std::time::Instant::now();
    let clock: Clock = Arc::new(move || START_MS + i64::try_from(start.elapsed().as_millis()).unwrap());
    let sqs = Sqs::open(Storage::Memory, clock, ids(1)).unwrap();
    let client = seam::client(&sqs);
    let url = queue(&client, "q", &[]).await;
    let sending = async {
        sleep(Duration::from_millis(100)).await;
        send(&client, &url, "a").await;
    };
    let (bodies, after_ms) = wait(&client, &url, sending).await;
    assert_eq!(bodies, ["a"]);
    assert!((100..5_000).contains(&after_ms), "{after_ms}");
    client.send_message().queue_url(&url).message_body("b").delay_seconds(1).send().await.unwrap();
    let (bodies, after_ms) = wait(&client, &url, async {}).await;
    assert_eq!(bodies, ["b"]);
    assert!((900..5_000).contains(&after_ms), "{after_ms}");
}
