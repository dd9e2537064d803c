//! What each operation does, within one transaction and at one instant.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::fault::Fault;
use super::message::{self, BYTES_MAX, Handle};
use super::settings::{self, DELAY_SECONDS_MAX, Settings, VISIBILITY_SECONDS_MAX, WAIT_SECONDS_MAX};
use super::storage::{self, New, Queue, Taken};
use super::wire::{self, Attributes, Done};

const BATCH_ENTRIES_MAX: usize = 10;
const RECEIVE_MESSAGES_MAX: i64 = 10;
const PURGE_PAUSE_MS: i64 = 60_000;
const LIST_MAX: i64 = 1_000;
/// SQS shows the sender's user id here. There is one sender in the local shop.
const SENDER: &str = "AIDALOCALSHOP";

/// One operation under way: the open transaction and everything the outside world lends it.
pub(super) struct Turn<'a> {
    pub(super) db: &'a Connection,
    /// Unix milliseconds.
    pub(super) now: i64,
    pub(super) ids: &'a (dyn Fn() -> [u8; 16] + Send + Sync),
    pub(super) in_flight_max: i64,
    /// The queues where a waiting receive may now find something, or room to take it.
    pub(super) rung: Vec<String>,
}

impl Turn<'_> {
    /// The queue of an address, without the messages that have outlived their retention by now.
    fn queue(&self, url: Option<&str>) -> Result<Queue, Fault> {
        self.named(settings::name_in(url)?)
    }

    pub(super) fn named(&self, name: &str) -> Result<Queue, Fault> {
        let queue = storage::queue(self.db, name)?.ok_or_else(Fault::no_such_queue)?;
        storage::expire(self.db, queue.id, self.now.saturating_sub(queue.settings.retention * 1_000))?;
        Ok(queue)
    }

    /// The instant `seconds` from now. The bounds on every duration keep this far from overflow.
    fn after(&self, seconds: i64) -> i64 {
        self.now.saturating_add(seconds.saturating_mul(1_000))
    }
}

pub(super) fn create_queue(turn: &mut Turn<'_>, request: wire::Settle) -> Result<wire::Url, Fault> {
    let name = request.queue_name.unwrap_or_default();
    if !settings::is_queue_name(&name) {
        return Err(Fault::parameter("QueueName", "it is 1 to 80 letters, digits, hyphens and underscores"));
    }
    let attributes = request.attributes.unwrap_or_default();
    match storage::queue(turn.db, &name)? {
        // Creating a queue again is no error as long as nothing asked for differs from what there is.
        Some(existing) => {
            let wanted = changed(turn, &existing.settings, &name, &attributes)?;
            if let Some(attribute) = existing.settings.difference(&wanted) {
                return Err(Fault::queue_exists(&attribute));
            }
        }
        None => {
            let settings = changed(turn, &Settings::default(), &name, &attributes)?;
            storage::add_queue(turn.db, &name, &serde_json::to_string(&settings)?, turn.now)?;
        }
    }
    Ok(wire::Url { queue_url: settings::url(&name) })
}

pub(super) fn set_queue_attributes(turn: &mut Turn<'_>, request: wire::Settle) -> Result<Done, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    let settings = changed(turn, &queue.settings, &queue.name, &request.attributes.unwrap_or_default())?;
    storage::set_queue(turn.db, queue.id, &serde_json::to_string(&settings)?, turn.now)?;
    Ok(Done {})
}

fn changed(
    turn: &Turn<'_>,
    settings: &Settings,
    name: &str,
    attributes: &BTreeMap<String, String>,
) -> Result<Settings, Fault> {
    let mut settings = settings.clone();
    settings.apply(attributes)?;
    if let Some(redrive) = settings.redrive.as_ref().filter(|_| attributes.contains_key("RedrivePolicy")) {
        // SQS lets a queue be its own dead-letter queue, where a message then moves in circles unseen.
        if redrive.target == name {
            return Err(Fault::parameter("RedrivePolicy", "a queue is not its own dead-letter queue"));
        }
        if storage::queue(turn.db, &redrive.target)?.is_none() {
            return Err(Fault::parameter("RedrivePolicy", "the dead-letter queue does not exist"));
        }
    }
    Ok(settings)
}

pub(super) fn get_queue_url(turn: &mut Turn<'_>, request: wire::Named) -> Result<wire::Url, Fault> {
    let name = request.queue_name.ok_or_else(|| Fault::parameter("QueueName", "it is absent"))?;
    let queue = storage::queue(turn.db, &name)?.ok_or_else(Fault::no_such_queue)?;
    Ok(wire::Url { queue_url: settings::url(&queue.name) })
}

pub(super) fn list_queues(turn: &mut Turn<'_>, request: wire::List) -> Result<wire::Urls, Fault> {
    let count = ranged("MaxResults", request.max_results, 1, LIST_MAX)?.unwrap_or(LIST_MAX);
    // The token is the last name of the page before: names are public, and a page stays right when queues come and go.
    let after = request.next_token.unwrap_or_default();
    let prefix = request.queue_name_prefix.unwrap_or_default();
    let names = storage::names(turn.db, &prefix, &after, count)?;
    let last = names.last().cloned().unwrap_or_default();
    let is_more = request.max_results.is_some() && !storage::names(turn.db, &prefix, &last, 1)?.is_empty();
    Ok(wire::Urls {
        queue_urls: names.iter().map(|name| settings::url(name)).collect(),
        next_token: is_more.then_some(last),
    })
}

pub(super) fn delete_queue(turn: &mut Turn<'_>, request: wire::Addressed) -> Result<Done, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    storage::remove_queue(turn.db, queue.id)?;
    // Whoever waits on the queue is to learn that it is gone.
    turn.rung.push(queue.name);
    Ok(Done {})
}

pub(super) fn purge_queue(turn: &mut Turn<'_>, request: wire::Addressed) -> Result<Done, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    if queue.purged_at.is_some_and(|at| turn.now < at.saturating_add(PURGE_PAUSE_MS)) {
        return Err(Fault::purge_in_progress(&queue.name));
    }
    storage::purge(turn.db, queue.id, turn.now)?;
    Ok(Done {})
}

pub(super) fn get_queue_attributes(
    turn: &mut Turn<'_>,
    request: wire::Addressed,
) -> Result<wire::QueueAttributes, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    let depth = storage::depth(turn.db, queue.id, turn.now)?;
    let mut shown = queue.settings.shown();
    shown.extend([
        ("QueueArn".to_owned(), settings::arn(&queue.name)),
        ("ApproximateNumberOfMessages".to_owned(), depth.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible".to_owned(), depth.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed".to_owned(), depth.delayed.to_string()),
        ("CreatedTimestamp".to_owned(), (queue.created_at / 1_000).to_string()),
        ("LastModifiedTimestamp".to_owned(), (queue.modified_at / 1_000).to_string()),
    ]);
    let wanted: BTreeSet<String> = request.attribute_names.unwrap_or_default().into_iter().collect();
    // A name that may be set but is not set is simply absent from the answer.
    if let Some(unknown) = wanted.iter().find(|name| !shown.contains_key(*name) && !settings::is_optional(name)) {
        return Err(Fault::attribute_name(unknown));
    }
    shown.retain(|name, _| wanted.contains("All") || wanted.contains(name));
    Ok(wire::QueueAttributes { attributes: shown })
}

pub(super) fn send_message(turn: &mut Turn<'_>, request: wire::Send) -> Result<wire::Sent, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    let sent = send(turn, &queue, request)?;
    turn.rung.push(queue.name);
    Ok(sent)
}

pub(super) fn send_message_batch(
    turn: &mut Turn<'_>,
    request: wire::Batch<wire::Send>,
) -> Result<wire::BatchResult<wire::Sent>, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    let entries = batch(request.entries, |entry: &wire::Send| entry.id.as_deref())?;
    let length = entries.iter().fold(0_usize, |sum, (_, entry)| {
        let body = entry.message_body.as_deref().unwrap_or_default();
        sum.saturating_add(message::length(body, entry.message_attributes.as_ref()))
    });
    if length > BYTES_MAX {
        return Err(Fault::batch_too_long(length));
    }
    let result = each(entries, |id, entry| {
        let sent = send(turn, &queue, entry)?;
        Ok(wire::Sent { id: Some(id), ..sent })
    })?;
    turn.rung.push(queue.name);
    Ok(result)
}

fn send(turn: &Turn<'_>, queue: &Queue, request: wire::Send) -> Result<wire::Sent, Fault> {
    let body = message::body(request.message_body)?;
    let attributes = message::attributes(request.message_attributes)?;
    let trace = message::trace_header(request.message_system_attributes)?;
    let length = message::length(&body, attributes.as_ref());
    if i64::try_from(length).unwrap_or(i64::MAX) > queue.settings.length_max {
        let limit = queue.settings.length_max;
        return Err(Fault::parameter("MessageBody", format!("the message is {length} bytes and {limit} is the most")));
    }
    if request.message_deduplication_id.is_some() {
        return Err(Fault::parameter("MessageDeduplicationId", "a standard queue has no use for it"));
    }
    let delay = ranged("DelaySeconds", request.delay_seconds, 0, DELAY_SECONDS_MAX)?;
    let message_id = message_id(turn.now, (turn.ids)());
    let md5_of_body = message::md5(body.as_bytes());
    storage::add(
        turn.db,
        &New {
            queue: queue.id,
            sent_at: turn.now,
            visible_at: turn.after(delay.unwrap_or(queue.settings.delay)),
            message_id: &message_id,
            body_md5: &md5_of_body,
            group_id: request.message_group_id.as_deref(),
            trace: trace.as_ref().map(serde_json::to_string).transpose()?.as_deref(),
            attributes: attributes.as_ref().map(serde_json::to_string).transpose()?.as_deref(),
            body: &body,
        },
    )?;
    Ok(wire::Sent {
        id: None,
        message_id,
        md5_of_body,
        md5_of_attributes: attributes.as_ref().and_then(message::md5_of_attributes),
        md5_of_system_attributes: trace.as_ref().and_then(message::md5_of_attributes),
    })
}

/// A UUID of version 7: the time in front, so that ids sort by age, and ten of the sixteen random bytes behind it.
fn message_id(now: i64, random: [u8; 16]) -> String {
    let (_, random) = random.split_last_chunk::<10>().unwrap_or((&[], &[0; 10]));
    let millis = u64::try_from(now).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid().to_string()
}

/// A receive, checked, with the queue's defaults filled in as it is answered.
pub(super) struct Look {
    pub(super) queue: String,
    count: usize,
    /// Seconds; `None` is the queue's own.
    visibility_timeout: Option<i64>,
    /// Seconds; `None` is the queue's own.
    wait: Option<i64>,
    system_attributes: BTreeSet<String>,
    attributes: Vec<String>,
}

/// What a look into a queue found.
pub(super) struct Found {
    pub(super) received: wire::Received,
    /// Seconds the receive may wait if it found nothing.
    pub(super) wait: i64,
    /// When the next message becomes visible, Unix milliseconds. Only looked up when nothing was found.
    pub(super) next_visible_at: Option<i64>,
}

impl Look {
    pub(super) fn new(request: wire::Receive) -> Result<Self, Fault> {
        let count = ranged("MaxNumberOfMessages", request.max_number_of_messages, 1, RECEIVE_MESSAGES_MAX)?;
        let asked = [request.attribute_names, request.message_system_attribute_names];
        Ok(Self {
            queue: settings::name_in(request.queue_url.as_deref())?.to_owned(),
            count: usize::try_from(count.unwrap_or(1)).unwrap_or(1),
            visibility_timeout: ranged("VisibilityTimeout", request.visibility_timeout, 0, VISIBILITY_SECONDS_MAX)?,
            wait: ranged("WaitTimeSeconds", request.wait_time_seconds, 0, WAIT_SECONDS_MAX)?,
            system_attributes: asked.into_iter().flatten().flatten().collect(),
            attributes: request.message_attribute_names.unwrap_or_default(),
        })
    }

    fn wants_attribute(&self, name: &str) -> bool {
        self.attributes.iter().any(|asked| match asked.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => asked == "All" || asked == name,
        })
    }
}

/// Takes what is visible now, and moves aside what was received too often.
pub(super) fn look(turn: &mut Turn<'_>, look: &Look) -> Result<Found, Fault> {
    let queue = turn.named(&look.queue)?;
    let wait = look.wait.unwrap_or(queue.settings.wait);
    let in_flight = storage::in_flight(turn.db, queue.id, turn.now, turn.in_flight_max)?;
    let room = usize::try_from(turn.in_flight_max - in_flight).unwrap_or_default();
    // SQS reports a full queue to a short poll only; a long poll simply waits for room.
    if room == 0 && wait == 0 {
        return Err(Fault::over_limit());
    }
    // A dead-letter queue that was deleted since leaves its source queue as if it had no policy.
    let target = match &queue.settings.redrive {
        Some(redrive) => storage::queue(turn.db, &redrive.target)?.map(|target| (target, redrive.receives_max)),
        None => None,
    };
    let receives_max = target.as_ref().map(|(_, max)| *max);
    let due = storage::due(turn.db, queue.id, turn.now, look.count.min(room), receives_max)?;
    if let Some((target, _)) = target.filter(|_| !due.exhausted.is_empty()) {
        for row in due.exhausted {
            storage::move_to(turn.db, row, target.id, &queue.name, turn.now)?;
        }
        turn.rung.push(target.name);
    }
    let visible_at = turn.after(look.visibility_timeout.unwrap_or(queue.settings.visibility_timeout));
    let mut messages = Vec::with_capacity(due.take.len());
    for row in due.take {
        let receive = (turn.ids)();
        let taken = storage::take(turn.db, row, turn.now, visible_at, receive)?;
        messages.push(delivered(look, taken, &Handle { queue: queue.id, row, receive }));
    }
    let next_visible_at = match messages.is_empty() && wait > 0 {
        true => storage::next_visible_at(turn.db, queue.id, turn.now)?,
        false => None,
    };
    Ok(Found { received: wire::Received { messages }, wait, next_visible_at })
}

/// A taken message with those of its attributes that the receiver asked for.
fn delivered(look: &Look, taken: Taken, handle: &Handle) -> wire::Message {
    let trace = taken.trace.as_ref().and_then(|attributes| attributes.get("AWSTraceHeader"));
    let system = [
        ("SenderId", Some(SENDER.to_owned())),
        ("SentTimestamp", Some(taken.sent_at.to_string())),
        ("ApproximateReceiveCount", Some(taken.receive_count.to_string())),
        ("ApproximateFirstReceiveTimestamp", Some(taken.first_received_at.to_string())),
        ("MessageGroupId", taken.group_id),
        ("AWSTraceHeader", trace.and_then(|header| header.string_value.clone())),
        ("DeadLetterQueueSourceArn", taken.source.as_deref().map(settings::arn)),
    ];
    let asked = |name: &str| look.system_attributes.contains("All") || look.system_attributes.contains(name);
    let mut message_attributes: Attributes = taken.attributes.unwrap_or_default();
    message_attributes.retain(|name, _| look.wants_attribute(name));
    wire::Message {
        message_id: taken.message_id,
        receipt_handle: handle.seal(),
        md5_of_body: taken.body_md5,
        body: taken.body,
        attributes: system.into_iter().filter(|(name, _)| asked(name)).filter_map(|(k, v)| Some((k, v?))).collect(),
        md5_of_attributes: message::md5_of_attributes(&message_attributes),
        message_attributes,
    }
}

pub(super) fn delete_message(turn: &mut Turn<'_>, request: wire::Receipt) -> Result<Done, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    delete(turn, &queue, &request)?;
    turn.rung.push(queue.name);
    Ok(Done {})
}

pub(super) fn delete_message_batch(
    turn: &mut Turn<'_>,
    request: wire::Batch<wire::Receipt>,
) -> Result<wire::BatchResult<wire::DoneEntry>, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    let entries = batch(request.entries, |entry: &wire::Receipt| entry.id.as_deref())?;
    let result = each(entries, |id, entry| {
        delete(turn, &queue, &entry)?;
        Ok(wire::DoneEntry { id })
    })?;
    turn.rung.push(queue.name);
    Ok(result)
}

/// Deletes what the handle stands for. A handle of an earlier receive, or of a message already gone, deletes nothing
/// and is no error: a consumer that lost its claim must not take the message from the one that holds it now.
fn delete(turn: &Turn<'_>, queue: &Queue, request: &wire::Receipt) -> Result<(), Fault> {
    let handle = opened(queue, request)?;
    Ok(storage::remove(turn.db, queue.id, handle.row, handle.receive)?)
}

pub(super) fn change_message_visibility(turn: &mut Turn<'_>, request: wire::Receipt) -> Result<Done, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    change(turn, &queue, &request)?;
    turn.rung.push(queue.name);
    Ok(Done {})
}

pub(super) fn change_message_visibility_batch(
    turn: &mut Turn<'_>,
    request: wire::Batch<wire::Receipt>,
) -> Result<wire::BatchResult<wire::DoneEntry>, Fault> {
    let queue = turn.queue(request.queue_url.as_deref())?;
    let entries = batch(request.entries, |entry: &wire::Receipt| entry.id.as_deref())?;
    let result = each(entries, |id, entry| {
        change(turn, &queue, &entry)?;
        Ok(wire::DoneEntry { id })
    })?;
    turn.rung.push(queue.name);
    Ok(result)
}

/// Hides a message from now on for another time. The real service was recorded to do so even after the message became
/// visible again, as long as nobody else received it, and so do we.
fn change(turn: &Turn<'_>, queue: &Queue, request: &wire::Receipt) -> Result<(), Fault> {
    let handle = opened(queue, request)?;
    let seconds = ranged("VisibilityTimeout", request.visibility_timeout, 0, VISIBILITY_SECONDS_MAX)?
        .ok_or_else(|| Fault::missing("VisibilityTimeout"))?;
    let received_at = storage::received_at(turn.db, queue.id, handle.row, handle.receive)?
        .ok_or_else(|| Fault::parameter("ReceiptHandle", "its message is gone or was received again"))?;
    let visible_at = turn.after(seconds);
    if visible_at > received_at.saturating_add(VISIBILITY_SECONDS_MAX * 1_000) {
        return Err(Fault::parameter("VisibilityTimeout", "it would hide the message for more than 12 hours in all"));
    }
    Ok(storage::set_visible_at(turn.db, handle.row, visible_at)?)
}

fn opened(queue: &Queue, request: &wire::Receipt) -> Result<Handle, Fault> {
    let text = request.receipt_handle.as_deref().ok_or_else(|| Fault::missing("ReceiptHandle"))?;
    Handle::open(text).filter(|handle| handle.queue == queue.id).ok_or_else(Fault::receipt_handle)
}

/// The entries of a batch by id, once the batch as a whole is in order.
fn batch<T>(entries: Option<Vec<T>>, id: impl Fn(&T) -> Option<&str>) -> Result<Vec<(String, T)>, Fault> {
    let entries = entries.unwrap_or_default();
    if entries.is_empty() {
        return Err(Fault::empty_batch());
    }
    if entries.len() > BATCH_ENTRIES_MAX {
        return Err(Fault::too_many_entries(entries.len()));
    }
    let mut named: Vec<(String, T)> = Vec::with_capacity(entries.len());
    for entry in entries {
        // An entry id has the alphabet and the length of a queue name.
        let id = id(&entry).filter(|id| settings::is_queue_name(id)).ok_or_else(Fault::entry_id)?.to_owned();
        if named.iter().any(|(other, _)| *other == id) {
            return Err(Fault::entry_ids_not_distinct(&id));
        }
        named.push((id, entry));
    }
    Ok(named)
}

/// Runs every entry by itself. One that is refused fails alone; only a failure of our own ends the batch, because its
/// transaction is then rolled back and no entry may be called done.
fn each<T, A>(
    entries: Vec<(String, T)>,
    mut run: impl FnMut(String, T) -> Result<A, Fault>,
) -> Result<wire::BatchResult<A>, Fault> {
    let mut result = wire::BatchResult { successful: Vec::new(), failed: Vec::new() };
    for (id, entry) in entries {
        match run(id.clone(), entry) {
            Ok(done) => result.successful.push(done),
            Err(fault) if !fault.is_senders() => return Err(fault),
            Err(Fault { code, message, .. }) => {
                result.failed.push(wire::FailedEntry { id, sender_fault: true, code, message });
            }
        }
    }
    Ok(result)
}

fn ranged(name: &str, value: Option<i64>, min: i64, max: i64) -> Result<Option<i64>, Fault> {
    match value {
        Some(value) if !(min..=max).contains(&value) => {
            Err(Fault::parameter(name, format!("{value} is not between {min} and {max}")))
        }
        other => Ok(other),
    }
}
