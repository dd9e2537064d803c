//! The shop as a process of its own, which is started, killed and started again on the same folder.

use crate::http::{self, Request};
use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The administrator's password in every trial.
pub const PASSWORD: &str = "a-password-for-trials-only";
/// The sandbox merchant's number.
pub const SANDBOX_PID: &str = "1000";
/// The sandbox merchant's key: buyers sign with it as the gateway would.
pub const SANDBOX_KEY: &str = "8f14e45fceea167a5a36dedd4bea2543";
/// How long stock is held, so short that holds lapse within the trial.
pub const HOLD: Duration = Duration::from_secs(12);

/// How long the shop may take to open: it may have much to read again, on a busy machine.
const OPEN_WITHIN: Duration = Duration::from_secs(60);
/// How long the audit may take.
const AUDIT_WITHIN: Duration = Duration::from_secs(120);

/// A shop in a folder.
#[derive(Debug)]
pub struct Shop {
    binary: PathBuf,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Shop {
    /// A shop that is not running yet.
    pub fn new(binary: PathBuf, folder: &Path) -> Result<Shop, String> {
        Ok(Shop { binary, folder: folder.to_owned(), port: free_port()?, child: None })
    }

    /// The port, the same in every life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the process writes.
    pub fn log(&self) -> PathBuf {
        self.folder.join("shop.log")
    }

    /// The program with a known environment and nothing of the caller's, which might say otherwise.
    fn command(&self) -> Result<Command, String> {
        let log = OpenOptions::new().create(true).append(true).open(self.log());
        let log = log.map_err(|e| format!("{}: {e}", self.log().display()))?;
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("KAMIVEND_PORT", self.port.to_string())
            .env("KAMIVEND_DATA", self.folder.join("data"))
            .env("KAMIVEND_ADMIN_PASSWORD", PASSWORD)
            .env("KAMIVEND_SANDBOX_PID", SANDBOX_PID)
            .env("KAMIVEND_SANDBOX_KEY", SANDBOX_KEY)
            .env("KAMIVEND_HOLD_SECONDS", HOLD.as_secs().to_string())
            .env("KAMIVEND_TICK_SECONDS", "1")
            .env("KAMIVEND_ORPHAN_SECONDS", "4")
            .env("KAMIVEND_OPEN_ORDERS_PER_CONTACT", "0")
            .env("KAMIVEND_OPEN_ORDERS_PER_ADDRESS", "0")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(|e| e.to_string())?)
            .stderr(log);
        Ok(command)
    }

    /// Starts the process and waits until it is ready.
    pub async fn open(&mut self) -> Result<(), String> {
        let child = self.command()?.spawn().map_err(|e| format!("{}: {e}", self.binary.display()))?;
        self.child = Some(child);
        let begun = Instant::now();
        let health = Request::get("/healthz");
        loop {
            let asked = tokio::time::timeout(Duration::from_secs(5), http::send(self.port, &health)).await;
            let last = match asked {
                Ok(Ok(answer)) if answer.status == 200 => return Ok(()),
                Ok(Ok(answer)) => answer.said(),
                Ok(Err(lost)) => lost.to_string(),
                Err(_) => "silence".to_owned(),
            };
            self.alive()?;
            if begun.elapsed() > OPEN_WITHIN {
                return Err(format!("the shop did not open in {} s: {last}", OPEN_WITHIN.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn ended(&mut self) -> Result<Option<std::process::ExitStatus>, String> {
        self.child.as_mut().map_or(Ok(None), |child| child.try_wait().map_err(|e| e.to_string()))
    }

    fn alive(&mut self) -> Result<(), String> {
        match self.ended()? {
            Some(status) => Err(format!("the shop ended by itself ({status}): see {}", self.log().display())),
            None => Ok(()),
        }
    }

    /// Waits until the process has ended without being killed, and says so.
    pub async fn died(&mut self) -> String {
        loop {
            if let Err(why) = self.alive() {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Kills the process by its id (SIGKILL: it gets no chance to finish anything) and waits until it is gone. One that had
    /// ended by itself is an error.
    pub fn kill(&mut self) -> Result<(), String> {
        self.alive()?;
        let mut child = self.child.take().ok_or("the shop is not running")?;
        child.kill().map_err(|e| format!("the shop cannot be killed: {e}"))?;
        child.wait().map(drop).map_err(|e| e.to_string())
    }

    /// The shop's own audit of its folder, while it is closed: its exit code and its report.
    pub async fn audit(&self) -> Result<(Option<i32>, String), String> {
        let path = self.folder.join("audit.json");
        let report = File::create(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let mut child = self.command()?.arg("audit").stdout(report).spawn().map_err(|e| e.to_string())?;
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
                break status;
            }
            if begun.elapsed() > AUDIT_WITHIN {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("the audit did not end in {} s", AUDIT_WITHIN.as_secs()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let said = std::fs::read_to_string(&path).map_err(|e| e.to_string())?;
        Ok((status.code(), said))
    }
}

impl Drop for Shop {
    /// No process outlives the trial, whatever became of it.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

/// A port that nobody uses, below those that systems give to outgoing connections: a client that calls such a port while
/// nobody listens there is now and then given that very port, and then talks to itself.
fn free_port() -> Result<u16, String> {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap_or_default();
    let mut ports = first..first + 1_000;
    ports.find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).ok_or("no port is free".to_owned())
}
