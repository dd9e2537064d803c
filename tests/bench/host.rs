//! Starts a function as Lambda does, gives it one event through the Runtime API, and looks at it before it ends.
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use crate::aws::Aws;
use crate::{event, http};
use std::io::{BufReader, Error, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

/// A function that says nothing for so long is broken and not slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was seen of one process.
#[derive(Clone, Copy)]
pub struct Sample {
    /// From before the process existed until it asked for an event, µs.
    pub init: u64,
    /// Calls of AWS until then.
    pub calls: u64,
    /// From the event to its answer, µs.
    pub first: u64,
    /// Memory after that answer, KiB.
    pub rss: u64,
}

/// What a function does, as the Runtime API sees it.
enum Seen {
    /// It asks for an event; and how often it has called AWS before.
    Asks(Instant, u64),
    /// It answers, or says what went wrong.
    Answers(Instant, Option<String>),
}

/// Ends the process however this ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program, gives it its event, and measures. `aws` is where it finds AWS.
pub fn run(program: &Path, name: &str, aws: &Aws) -> std::io::Result<Sample> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (sender, seen) = channel();
    let before = aws.calls();
    let counted = aws.clone();
    let event = event::of(name).to_string();
    http::serve(listener, move |stream| connection(stream, &event, &sender, &counted));
    let mut command = Command::new(program);
    command.env_clear().envs(environment(name, address, aws.address)).stdin(Stdio::null()).stdout(Stdio::null());
    let began = Instant::now();
    let mut process = Ended(command.stderr(Stdio::piped()).spawn()?);
    let Seen::Asks(ready, called) = next(&seen, &mut process)? else {
        return Err(Error::other("answered before it was asked"));
    };
    let Seen::Answers(answered, wrong) = next(&seen, &mut process)? else { return Err(Error::other("asked twice")) };
    if let Some(wrong) = wrong {
        return Err(Error::other(format!("answered {wrong}")));
    }
    // Its next question says that it is done with what it wanted to do after the answer.
    next(&seen, &mut process)?;
    let rss = resident(process.0.id())?;
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    Ok(Sample { init: micros(ready - began), calls: called - before, first: micros(answered - ready), rss })
}

fn environment(name: &str, api: SocketAddr, aws: SocketAddr) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://{aws}")),
        ("KAMIVEND_QUEUE_URL", format!("http://{aws}/123456789012/deliver")),
        ("KAMIVEND_NOTICES_QUEUE_URL", format!("http://{aws}/123456789012/notices")),
    ];
    let fixed = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
        ("AWS_SESSION_TOKEN", "bench"),
        ("KAMIVEND_SHOP_ID", "bench"),
        ("KAMIVEND_TABLE_PREFIX", "bench"),
        ("KAMIVEND_PARAMETERS", "/kamivend/bench"),
        ("KAMIVEND_CARD_KEY", "arn:aws:kms:us-east-1:123456789012:key/1"),
    ];
    all.extend(fixed.map(|(name, value)| (name, value.to_owned())));
    all
}

fn next(seen: &Receiver<Seen>, process: &mut Ended) -> std::io::Result<Seen> {
    let until = Instant::now() + PATIENCE;
    loop {
        match seen.recv_timeout(Duration::from_millis(100)) {
            Ok(seen) => return Ok(seen),
            Err(_) if Instant::now() < until && process.0.try_wait()?.is_none() => {}
            Err(_) => {
                let _ = process.0.kill();
                let mut said = String::new();
                let _ = process.0.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
                return Err(Error::other(format!("has stopped to speak with the Runtime API: {said}")));
            }
        }
    }
}

/// One connection of a function to the Runtime API. The first question is answered with the event, the second never.
fn connection(mut stream: TcpStream, event: &str, sender: &Sender<Seen>, aws: &Aws) -> std::io::Result<()> {
    let mut from = BufReader::new(stream.try_clone()?);
    let mut asked = false;
    while let Some(request) = http::read(&mut from)? {
        let now = Instant::now();
        if request.line.ends_with("/invocation/next") {
            let _ = sender.send(Seen::Asks(now, aws.calls()));
            if !asked {
                let headers = [
                    ("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000"),
                    ("Lambda-Runtime-Deadline-Ms", "4102444800000"),
                    ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:bench"),
                    ("Content-Type", "application/json"),
                ];
                http::write(&mut stream, 200, &headers, event.as_bytes())?;
            }
            asked = true;
        } else {
            let said = String::from_utf8_lossy(&request.body).into_owned();
            let failed = !request.line.ends_with("/response") || said.contains("\"statusCode\":5");
            let _ = sender.send(Seen::Answers(now, failed.then_some(said)));
            http::write(&mut stream, 202, &[], b"")?;
        }
    }
    Ok(())
}

/// The memory of a process, KiB.
fn resident(process: u32) -> std::io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).ok_or_else(|| Error::other("no VmRSS"))
}
