//! A host of Lambda's runtime interface: starts a function's own binary as a process and hands it events, one after the other, as
//! Lambda does.
//! Source: "Using the Lambda runtime API", AWS Lambda Developer Guide; paths and headers of version 2018-06-01.

use crate::server::serve_with;
use http::{Method, Request, Response};
use serde_json::Value;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

/// What a function answered.
#[derive(Clone, PartialEq, Debug)]
pub enum Answered {
    /// With a document.
    Done(Value),
    /// With an error of its own.
    Failed(Value),
    /// It could not even start.
    NotStarted(Value),
    /// The process ended before it answered.
    Gone,
}

struct Invocation {
    id: String,
    event: String,
    answer: oneshot::Sender<Answered>,
}

#[derive(Default)]
struct Open(Mutex<HashMap<String, oneshot::Sender<Answered>>>);

impl Open {
    fn insert(&self, id: String, answer: oneshot::Sender<Answered>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, answer);
    }

    fn end(&self, id: &str, answered: Answered) -> bool {
        let sender = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        sender.is_some_and(|sender| sender.send(answered).is_ok())
    }

    fn end_all(&self, answered: &Answered) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (_, sender) in all {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(answered.clone());
        }
    }
}

/// One execution environment: a process and the interface it speaks to. Dropped, it ends the process.
pub struct Environment {
    events: mpsc::UnboundedSender<Invocation>,
    count: Mutex<u64>,
    process: Mutex<Child>,
    _server: tokio::task::JoinHandle<()>,
}

/// How far ahead of now an invocation must be done, ms.
const DEADLINE_MS: i64 = 30_000;

impl Environment {
    /// Starts a binary with nothing in its environment but what Lambda sets and what is given.
    pub async fn start(binary: &Path, variables: &[(&str, &str)], now: i64) -> std::io::Result<Environment> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::unbounded_channel();
        let (waiting, open) = (Arc::new(tokio::sync::Mutex::new(waiting)), Arc::new(Open::default()));
        let server = {
            tokio::spawn(serve_with(listener, move |request, _| {
                let (waiting, open) = (waiting.clone(), open.clone());
                async move { interface(&waiting, &open, &request, now).await }
            }))
        };
        let name = binary.file_stem().and_then(|stem| stem.to_str()).unwrap_or("function");
        let process = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Environment { events, count: Mutex::new(0), process: Mutex::new(process), _server: server })
    }

    /// Hands over an event and waits for the answer.
    pub async fn invoke(&self, event: &Value) -> Answered {
        let id = {
            let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
            *count += 1;
            format!("00000000-0000-4000-8000-{:012}", *count)
        };
        let (answer, answered) = oneshot::channel();
        if self.events.send(Invocation { id, event: event.to_string(), answer }).is_err() {
            return Answered::Gone;
        }
        tokio::pin!(answered);
        loop {
            tokio::select! {
                answer = &mut answered => return answer.unwrap_or(Answered::Gone),
                () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
            }
            let ended = self.process.lock().unwrap_or_else(PoisonError::into_inner).try_wait();
            if !matches!(ended, Ok(None)) {
                // What it said before it ended may still be on its way.
                let last = tokio::time::timeout(std::time::Duration::from_millis(500), &mut answered).await;
                return last.ok().and_then(Result::ok).unwrap_or(Answered::Gone);
            }
        }
    }

    /// Everything the process has written so far, once it is ended.
    pub async fn end(self) -> String {
        let mut process = self.process.into_inner().unwrap_or_else(PoisonError::into_inner);
        // It may have ended by itself.
        let _ = process.start_kill();
        let output = process.wait_with_output().await;
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }
}

type Waiting = tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>;

async fn interface(waiting: &Waiting, open: &Open, request: &Request<Vec<u8>>, now: i64) -> Response<Vec<u8>> {
    let path = request.uri().path();
    let rest = path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
    let parts: Vec<&str> = rest.split('/').collect();
    let document = || serde_json::from_slice(request.body()).unwrap_or_default();
    match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(waiting, open, now).await,
        (&Method::POST, ["invocation", id, "response"]) => accepted(open.end(id, Answered::Done(document()))),
        (&Method::POST, ["invocation", id, "error"]) => accepted(open.end(id, Answered::Failed(document()))),
        (&Method::POST, ["init", "error"]) => {
            // Nothing will be taken up any more: who waits and who comes hears it.
            let said = Answered::NotStarted(document());
            open.end_all(&said);
            if let Ok(mut waiting) = waiting.try_lock() {
                while let Ok(invocation) = waiting.try_recv() {
                    // Whoever asked may have stopped waiting.
                    let _ = invocation.answer.send(said.clone());
                }
            }
            accepted(true)
        }
        _ => Response::builder().status(404).body(Vec::new()).unwrap_or_default(),
    }
}

async fn next(waiting: &Waiting, open: &Open, now: i64) -> Response<Vec<u8>> {
    let Some(invocation) = waiting.lock().await.recv().await else {
        // The host is gone, and the process with it in a moment.
        return std::future::pending().await;
    };
    let response = Response::builder()
        .status(200)
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.id)
        .header("lambda-runtime-deadline-ms", (now + DEADLINE_MS).to_string())
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:local")
        .header("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0")
        .body(invocation.event.into_bytes())
        .unwrap_or_default();
    open.insert(invocation.id, invocation.answer);
    response
}

fn accepted(known: bool) -> Response<Vec<u8>> {
    Response::builder().status(if known { 202 } else { 400 }).body(b"{\"status\":\"OK\"}".to_vec()).unwrap_or_default()
}
