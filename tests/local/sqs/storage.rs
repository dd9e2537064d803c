//! What is on disk, after a restart, after a kill, and under many threads.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io::{BufRead as _, BufReader, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use local::sqs::{Clock, Sqs, Storage};

use super::{
    bodies, clock, delete, depth, ids, one, queue, receive, receive_count, received, redrive, seam, seconds, send,
    shop, text,
};

/// A folder of one test, removed with everything in it at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kamivend-sqs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("queues.sqlite")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn open(file: &Path, clock: Clock, first_id: u64) -> (Sqs, Client) {
    let sqs = Sqs::open(Storage::File(file.to_owned()), clock, ids(first_id)).unwrap();
    let client = seam::client(&sqs);
    (sqs, client)
}

#[tokio::test(start_paused = true)]
async fn everything_is_there_after_a_restart() {
    let folder = Folder::new("restart");
    let clock = clock();
    let (sqs, client) = open(&folder.file(), Arc::clone(&clock), 1);
    queue(&client, "dead", &[]).await;
    let url = queue(&client, "q", &[(QueueAttributeName::RedrivePolicy, &redrive("dead", 2))]).await;
    send(&client, &url, "received").await;
    let message = one(&client, &url).await;
    client
        .send_message()
        .queue_url(&url)
        .message_body("waiting")
        .message_attributes("a", text("String", "x"))
        .send()
        .await
        .unwrap();
    client.send_message().queue_url(&url).message_body("delayed").delay_seconds(60).send().await.unwrap();
    let before = sqs.dump("q").unwrap();
    drop((sqs, client));

    seconds(20).await;
    let (sqs, client) = open(&folder.file(), Arc::clone(&clock), 1_000_000);
    assert_eq!(sqs.dump("q").unwrap(), before);
    assert_eq!(sqs.depth("q").unwrap(), depth(1, 1, 1));
    assert_eq!(queue(&client, "q", &[(QueueAttributeName::RedrivePolicy, &redrive("dead", 2))]).await, url);
    let waiting = one(&client, &url).await;
    assert_eq!(waiting.message_attributes().unwrap()["a"], text("String", "x"));
    delete(&client, &url, &waiting).await;
    seconds(10).await;
    let again = one(&client, &url).await;
    assert_eq!((again.message_id(), receive_count(&again)), (message.message_id(), "2"));
    delete(&client, &url, &message).await;
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 1, 1), "a handle from before the restart is known, and stale");
    drop((sqs, client));

    seconds(30).await;
    let (sqs, client) = open(&folder.file(), clock, 2_000_000);
    assert_eq!(bodies(&received(receive(&client, &url)).await), ["delayed"]);
    assert_eq!(sqs.depth("dead").unwrap(), depth(1, 0, 0), "two receives before, the move after the restart");
}

#[tokio::test(start_paused = true)]
async fn one_process_at_a_time_and_only_files_of_this_version() {
    let folder = Folder::new("alone");
    let (first, _) = open(&folder.file(), clock(), 1);
    let second = Sqs::open(Storage::File(folder.file()), clock(), ids(1)).unwrap_err();
    assert!(second.to_string().contains("locked"), "{second}");
    assert!(second.source().is_some());
    drop(first);
    open(&folder.file(), clock(), 1);

    // SQLite keeps the number that an application gives its tables in these four bytes of the header.
    let mut bytes = std::fs::read(folder.file()).unwrap();
    bytes[60..64].copy_from_slice(&7_u32.to_be_bytes());
    std::fs::write(folder.file(), bytes).unwrap();
    let newer = Sqs::open(Storage::File(folder.file()), clock(), ids(1)).unwrap_err();
    assert!(matches!(newer, local::sqs::Error::Version(7)), "{newer}");

    std::fs::write(folder.0.join("text"), "no database at all, but long enough to have a header of its own").unwrap();
    assert!(Sqs::open(Storage::File(folder.0.join("text")), clock(), ids(1)).is_err());
    assert!(Sqs::open(Storage::File(folder.0.join("none").join("file")), clock(), ids(1)).is_err());
    let sqs = Sqs::open(Storage::Memory, clock(), ids(1)).unwrap();
    assert_eq!(sqs.depth("q").unwrap_err().to_string(), "there is no queue q");
    assert!(sqs.dump("q").is_err());
}

/// A process of its own sends and is killed in the middle of it: every message that it was told is stored, is stored.
#[tokio::test]
async fn a_killed_process_loses_nothing_it_was_promised() {
    let folder = Folder::new("killed");
    let module = module_path!().split_once("::").unwrap().1;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", &format!("{module}::sender_to_be_killed")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", folder.file().display()).unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut promised = Vec::new();
    while promised.len() < 200 {
        let line = lines.next().expect("the sender goes on until it is killed");
        promised.extend(line.strip_prefix("stored ").map(str::to_owned));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    promised.extend(lines.filter_map(|line| line.strip_prefix("stored ").map(str::to_owned)));

    let (sqs, _) = open(&folder.file(), clock(), 1);
    let stored: BTreeSet<String> = sqs.dump("q").unwrap().into_iter().map(|message| message.message_id).collect();
    let lost: Vec<&String> = promised.iter().filter(|id| id.len() == 36 && !stored.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} lost: {lost:?}", lost.len(), promised.len());
    assert!(stored.len() >= 200);
}

/// Not a test by itself: the process that the test above kills. It reads its file's path from standard input.
#[tokio::test]
#[ignore = "run by a_killed_process_loses_nothing_it_was_promised"]
async fn sender_to_be_killed() {
    let mut line = String::new();
    if std::io::stdin().is_terminal() || std::io::stdin().read_line(&mut line).unwrap_or(0) < 2 {
        return;
    }
    let (_, client) = open(Path::new(line.trim_end()), clock(), 1);
    let url = queue(&client, "q", &[]).await;
    let mut out = std::io::stdout();
    for n in 0_u64.. {
        let id = send(&client, &url, &format!("body {n}")).await;
        // The leading line break parts the first line from what the test runner prints.
        if writeln!(out, "\nstored {id}").and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_send_and_receive_each_message_once() {
    const SENDERS: usize = 8;
    const EACH: usize = 100;
    let (sqs, client, url) = shop(&[(QueueAttributeName::VisibilityTimeout, "600")]).await;
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for sender in 0..SENDERS {
        let (client, url) = (client.clone(), url.clone());
        senders.push(tokio::spawn(async move {
            for n in 0..EACH {
                send(&client, &url, &format!("{sender}-{n}")).await;
            }
        }));
    }
    for _ in 0..SENDERS {
        let (client, url) = (client.clone(), url.clone());
        receivers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            loop {
                let messages = received(receive(&client, &url).wait_time_seconds(1)).await;
                if messages.is_empty() {
                    return got;
                }
                for message in &messages {
                    got.push(message.body().unwrap().to_owned());
                    delete(&client, &url, message).await;
                }
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    let mut got = Vec::new();
    for receiver in receivers {
        got.extend(receiver.await.unwrap());
    }
    assert_eq!(got.len(), SENDERS * EACH);
    assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), SENDERS * EACH, "none came twice");
    assert_eq!(sqs.depth("q").unwrap(), depth(0, 0, 0));
}
