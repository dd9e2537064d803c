//! Messages: content, digests, attributes, lengths, batches.

use std::collections::BTreeSet;

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, MessageSystemAttributeNameForSends, MessageSystemAttributeValue, QueueAttributeName,
    SendMessageBatchRequestEntry,
};
use local::sqs::State;

use super::{
    START_MS, bodies, delete, depth, entry, handle, one, queue, receive, receive_count, received, refusal, refused,
    seconds, send, shop, system, text,
};

/// Bytes.
const MIB: usize = 1_048_576;

#[tokio::test(start_paused = true)]
async fn a_message_arrives_as_it_was_sent() {
    const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let (sqs, client, url) = shop(&[]).await;
    let sent = client
        .send_message()
        .queue_url(&url)
        .message_body("test")
        .message_attributes("General", text("String", "Kenobi"))
        .message_attributes("Hello", text("String", "There"))
        .message_attributes("Help.Me", text("String", "Me"))
        .message_group_id("tenant-7")
        .message_system_attributes(
            MessageSystemAttributeNameForSends::AwsTraceHeader,
            MessageSystemAttributeValue::builder().data_type("String").string_value(TRACE).build().unwrap(),
        )
        .send()
        .await
        .unwrap();
    // Digests the real service gave for the same content.
    assert_eq!(sent.md5_of_message_body(), Some("098f6bcd4621d373cade4e832627b4f6"));
    assert_eq!(sent.md5_of_message_attributes(), Some("4c360f3fdafd970e05fae2f149d997f5"));
    assert_eq!(sent.md5_of_message_system_attributes(), Some("5ae4d5d7636402d80f4eb6d213245a88"));
    let id = sent.message_id().unwrap();
    assert_eq!((id.len(), &id[14..15]), (36, "7"), "a UUID of version 7: {id}");

    seconds(3).await;
    let message = one(&client, &url).await;
    assert_eq!(message.body(), Some("test"));
    assert_eq!(message.message_id(), Some(id));
    assert_eq!(message.md5_of_body(), Some("098f6bcd4621d373cade4e832627b4f6"));
    assert_eq!(message.md5_of_message_attributes(), Some("4c360f3fdafd970e05fae2f149d997f5"));
    assert_eq!(message.message_attributes().unwrap()["Help.Me"], text("String", "Me"));
    assert_eq!(system(&message, MessageSystemAttributeName::SentTimestamp), Some("1750000000000"));
    assert_eq!(system(&message, MessageSystemAttributeName::ApproximateFirstReceiveTimestamp), Some("1750000003000"));
    assert_eq!(receive_count(&message), "1");
    assert_eq!(system(&message, MessageSystemAttributeName::AwsTraceHeader), Some(TRACE));
    assert_eq!(system(&message, MessageSystemAttributeName::MessageGroupId), Some("tenant-7"));
    assert!(system(&message, MessageSystemAttributeName::SenderId).is_some());
    assert_eq!(system(&message, MessageSystemAttributeName::DeadLetterQueueSourceArn), None);

    let stored = sqs.dump("q").unwrap();
    assert_eq!(stored.len(), 1);
    assert_eq!((stored[0].body.as_str(), stored[0].state, stored[0].receive_count), ("test", State::InFlight, 1));
    assert_eq!((stored[0].sent_at_ms, stored[0].visible_at_ms), (START_MS, START_MS + 33_000));
    assert_eq!(stored[0].attributes["General"].value, b"Kenobi");
    delete(&client, &url, &message).await;
    assert_eq!(sqs.dump("q").unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_gets_the_attributes_it_asks_for() {
    let (_, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "0")]).await;
    client
        .send_message()
        .queue_url(&url)
        .message_body("msg")
        .message_attributes("General", text("String", "Kenobi"))
        .message_attributes("Hello", text("String", "There"))
        .message_attributes("Help.Me", text("String", "Me"))
        .send()
        .await
        .unwrap();
    // The digests are those of the real service; they cover what is returned, not what was sent.
    let both = Some("fca026605781cb4126a1e9044df24232");
    let all = Some("4c360f3fdafd970e05fae2f149d997f5");
    for (asked, digest, names) in [
        (&[][..], None, &[][..]),
        (&["All"], all, &["General", "Hello", "Help.Me"]),
        (&[".*"], all, &["General", "Hello", "Help.Me"]),
        (&["Hello", "General"], both, &["General", "Hello"]),
        (&["Hello", "Foo"], Some("a311262e065454b75da111d535b8dacd"), &["Hello"]),
        (&["Hel.*"], Some("83fee93c1bcd8b9a5a923ffacdc636c7"), &["Hello", "Help.Me"]),
        (&["Foo", "help.me"], None, &[]),
    ] {
        let request = client
            .receive_message()
            .queue_url(&url)
            .set_message_attribute_names(Some(asked.iter().map(|name| (*name).to_owned()).collect()));
        let messages = received(request).await;
        let message = &messages[0];
        assert_eq!(message.md5_of_message_attributes(), digest, "{asked:?}");
        let found: BTreeSet<&str> =
            message.message_attributes().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, names.iter().copied().collect(), "{asked:?}");
        assert!(message.attributes().is_none(), "no system attribute was asked for");
    }
    #[expect(deprecated, reason = "the older name of the parameter is still sent by older clients")]
    let request = client.receive_message().queue_url(&url).attribute_names(QueueAttributeName::from("SentTimestamp"));
    let messages = received(request).await;
    assert_eq!(messages[0].attributes().unwrap().len(), 1);
    assert_eq!(messages[0].message_id().unwrap().len(), 36);
}

#[tokio::test(start_paused = true)]
async fn attributes_may_be_binary_and_numbers_and_are_checked() {
    let (_, client, url) = shop(&[]).await;
    let binary =
        |bytes: &[u8]| MessageAttributeValue::builder().data_type("Binary").binary_value(Blob::new(bytes)).build();
    let attempt = |name: &str, value: MessageAttributeValue| {
        client.send_message().queue_url(&url).message_body("test").message_attributes(name, value).send()
    };
    // Again a digest of the real service.
    let trace = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
    let sent = attempt("attr1", binary(trace).unwrap()).await.unwrap();
    assert_eq!(sent.md5_of_message_attributes(), Some("8cbe4db156db8a94db8b801b7addb984"));
    assert_eq!(one(&client, &url).await.message_attributes().unwrap()["attr1"].binary_value().unwrap().as_ref(), trace);

    let digits = "9".repeat(38);
    for good in ["0", "-0.000", "007", ".5", "5.", "1e126", "-9.99E-128", "+12", digits.as_str()] {
        attempt("n", text("Number.int", good)).await.unwrap_or_else(|error| panic!("{good}: {error:?}"));
    }
    let too_many = "9".repeat(39);
    for bad in ["", ".", "-", "1e127", "1e-129", "0x1", "NaN", "1e", "1 ", "1.2.3", "e5", too_many.as_str()] {
        assert_eq!(refusal(attempt("n", text("Number", bad)).await), refused("InvalidParameterValue"), "{bad}");
    }
    let longest = "n".repeat(256);
    attempt(&longest, text("String.json", "{}")).await.unwrap();
    let too_long = "n".repeat(257);
    for bad in ["", "a b", ".a", "a.", "a..b", "aws.a", "Amazon.a", "ü", too_long.as_str()] {
        assert_eq!(refusal(attempt(bad, text("String", "x")).await), refused("InvalidParameterValue"), "{bad}");
    }
    for bad in [text("String", ""), text("Text", "x"), text("Binary", "x"), text("", "x"), binary(b"").unwrap()] {
        assert_eq!(refusal(attempt("a", bad.clone()).await), refused("InvalidParameterValue"), "{bad:?}");
    }
    assert_eq!(refusal(attempt("a", text("String", "\u{1}")).await), refused("InvalidMessageContents"));
    let list = MessageAttributeValue::builder().data_type("String").string_list_values("x").build().unwrap();
    let error = attempt("a", list).await.unwrap_err().into_service_error();
    assert!(error.is_unsupported_operation(), "{error:?}");

    let mut ten = client.send_message().queue_url(&url).message_body("x");
    for n in 0..10 {
        ten = ten.message_attributes(format!("a{n}"), text("String", "x"));
    }
    ten.clone().send().await.unwrap();
    let eleven = ten.message_attributes("b", text("String", "x")).send().await;
    assert_eq!(refusal(eleven), refused("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn a_body_holds_the_characters_of_xml_and_at_least_one() {
    let (_, client, url) = shop(&[]).await;
    let attempt = |body: &str| client.send_message().queue_url(&url).message_body(body).send();
    for good in ['\t', '\n', '\r', ' ', '\u{7f}', '\u{d7ff}', '\u{e000}', '\u{fffd}', '\u{10000}', '\u{10ffff}'] {
        attempt(&good.to_string()).await.unwrap();
        assert_eq!(one(&client, &url).await.body(), Some(good.to_string().as_str()), "{good:?}");
    }
    for bad in ['\u{0}', '\u{8}', '\u{b}', '\u{c}', '\u{e}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
        let error = attempt(&format!("a{bad}")).await.unwrap_err().into_service_error();
        assert!(error.is_invalid_message_contents(), "{bad:?}: {error:?}");
    }
    assert_eq!(refusal(attempt("").await), refused("MissingParameter"));
    let dedup = client.send_message().queue_url(&url).message_body("x").message_deduplication_id("d").send().await;
    assert_eq!(refusal(dedup), refused("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn a_mebibyte_is_the_longest_message_and_the_longest_batch() {
    let (sqs, client, url) = shop(&[]).await;
    send(&client, &url, &"x".repeat(MIB)).await;
    assert_eq!(one(&client, &url).await.body().unwrap().len(), MIB);
    let too_long = client.send_message().queue_url(&url).message_body("x".repeat(MIB + 1)).send().await;
    assert_eq!(refusal(too_long), refused("InvalidParameterValue"));

    // Bytes, not characters; and the name, the type and the value of every attribute count too.
    let with_attribute = |body: String| {
        let send = client.send_message().queue_url(&url).message_body(body);
        send.message_attributes("name", text("String", "value")).send()
    };
    let room = MIB - "nameStringvalue".len();
    with_attribute("ü".repeat(room / 2)).await.unwrap();
    assert_eq!(refusal(with_attribute("ü".repeat(room / 2 + 1)).await), refused("InvalidParameterValue"));

    let half = "x".repeat(MIB / 2);
    let batch = |second: &str| {
        let batch = client.send_message_batch().queue_url(&url).entries(entry("a", &half));
        batch.entries(entry("b", second)).send()
    };
    assert_eq!(batch(&half).await.unwrap().successful().len(), 2);
    let before = sqs.depth("q").unwrap();
    let error = batch(&format!("{half}x")).await.unwrap_err().into_service_error();
    assert!(error.is_batch_request_too_long(), "{error:?}");
    assert_eq!(sqs.depth("q").unwrap(), before);

    let small = queue(&client, "small", &[(QueueAttributeName::MaximumMessageSize, "1024")]).await;
    send(&client, &small, &"x".repeat(1_024)).await;
    let too_long = client.send_message().queue_url(&small).message_body("x".repeat(1_025)).send().await;
    assert_eq!(refusal(too_long), refused("InvalidParameterValue"));
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_refused_whole_or_entry_by_entry() {
    let (sqs, client, url) = shop(&[]).await;
    let attempt = |entries: Vec<SendMessageBatchRequestEntry>| {
        client.send_message_batch().queue_url(&url).set_entries(Some(entries)).send()
    };
    assert!(attempt(vec![]).await.unwrap_err().into_service_error().is_empty_batch_request());
    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    assert!(attempt(eleven).await.unwrap_err().into_service_error().is_too_many_entries_in_batch_request());
    let same = vec![entry("a", "x"), entry("a", "y")];
    assert!(attempt(same).await.unwrap_err().into_service_error().is_batch_entry_ids_not_distinct());
    for id in ["", "a b", "a:b", "a.b", &"i".repeat(81)] {
        let error = attempt(vec![entry(id, "x")]).await.unwrap_err().into_service_error();
        assert!(error.is_invalid_batch_entry_id(), "{id}: {error:?}");
    }
    let many = (0..11).map(|n| DeleteMessageBatchRequestEntry::builder().id(n.to_string()).receipt_handle("h"));
    let delete = client.delete_message_batch().queue_url(&url);
    let delete = delete.set_entries(Some(many.map(|entry| entry.build().unwrap()).collect()));
    assert!(delete.send().await.unwrap_err().into_service_error().is_too_many_entries_in_batch_request());
    let change = client.change_message_visibility_batch().queue_url(&url).set_entries(Some(vec![]));
    assert!(change.send().await.unwrap_err().into_service_error().is_empty_batch_request());
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 0, 0), "a batch refused whole leaves nothing");

    let late = SendMessageBatchRequestEntry::builder().id("late").message_body("x").delay_seconds(901);
    let mixed = vec![entry("good", "x"), entry("bad", "\u{0}"), late.build().unwrap(), entry(&"i".repeat(80), "y")];
    let outcome = attempt(mixed).await.unwrap();
    let done: Vec<&str> = outcome.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(done, ["good", &"i".repeat(80)]);
    assert_eq!(outcome.successful()[0].md5_of_message_body(), "9dd4e461268c8034f5c8564e155c67a6");
    let failed: Vec<_> = outcome.failed().iter().map(|f| (f.id(), f.code(), f.sender_fault())).collect();
    assert_eq!(failed, [("bad", "InvalidMessageContents", true), ("late", "InvalidParameterValue", true)]);

    let messages = received(receive(&client, &url)).await;
    assert_eq!(bodies(&messages), ["x", "y"]);
    let hide = |id: &str, handle: &str, seconds: i32| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
        entry.visibility_timeout(seconds).build().unwrap()
    };
    let outcome = client
        .change_message_visibility_batch()
        .queue_url(&url)
        .entries(hide("back", handle(&messages[0]), 0))
        .entries(hide("long", handle(&messages[1]), 43_201))
        .entries(hide("odd", "odd", 1))
        .send()
        .await
        .unwrap();
    assert_eq!(outcome.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["back"]);
    let failed: Vec<_> = outcome.failed().iter().map(|f| (f.id(), f.code())).collect();
    assert_eq!(failed, [("long", "InvalidParameterValue"), ("odd", "ReceiptHandleIsInvalid")]);
    assert_eq!(sqs.depth("q").unwrap(), depth(1, 1, 0));

    let gone = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap()
    };
    let delete = client.delete_message_batch().queue_url(&url).entries(gone("a", handle(&messages[0])));
    let outcome = delete.entries(gone("b", handle(&messages[1]))).entries(gone("c", "odd")).send().await.unwrap();
    assert_eq!(outcome.successful().iter().map(|entry| entry.id()).collect::<Vec<_>>(), ["a", "b"]);
    let failed: Vec<_> = outcome.failed().iter().map(|f| (f.id(), f.code())).collect();
    assert_eq!(failed, [("c", "ReceiptHandleIsInvalid")]);
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 0, 0));
}
