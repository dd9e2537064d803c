//! Where evidence is kept: a bucket of Amazon S3 whose objects nobody may change or take away, called without an SDK (decision
//! 016). The local shop answers the same calls from a folder. A file is put once, where nothing stands, and read again.
//!
//! Source: Amazon S3 API Reference, "PutObject" and "GetObject"; User Guide, "How to prevent object overwrites with conditional
//! writes" and "Object Lock considerations" (an upload under a default retention needs a checksum).

use crate::aws::object_signature;
use crate::net::{Answer, send_for};
use crate::{App, AppError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use std::time::Duration;

/// The most bytes of a file: a list of [`super::list::RECORDS`] orders with everything that can be said of them is far below.
const FILE_MAX: usize = 4 * 1024 * 1024;

/// Tries of one call, the first included, and the pause before the second; each further one is longer by as much.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// The files of one shop.
pub(super) struct Files<'a> {
    app: &'a App,
    bucket: &'a str,
}

/// What a call came to.
enum Said {
    Yes(Vec<u8>),
    /// There is no such file, or of a put: there is one already.
    No,
}

impl<'a> Files<'a> {
    /// The files of an app; `None` where it was told of no bucket.
    pub(super) fn of(app: &'a App) -> Option<Files<'a>> {
        app.config.evidence_bucket.as_deref().map(|bucket| Files { app, bucket })
    }

    /// A file; `None` when there is none.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, AppError> {
        Ok(match self.call("GET", name, &[]).await? {
            Said::Yes(body) => Some(body),
            Said::No => None,
        })
    }

    /// Puts a file where none stands. Answers what stands there then: these bytes, or those of whoever was first.
    pub(super) async fn put(&self, name: &str, body: &[u8]) -> Result<Vec<u8>, AppError> {
        match self.call("PUT", name, body).await? {
            Said::Yes(_) => Ok(body.to_vec()),
            // Ours, when the answer to the first try was lost, or another run's.
            Said::No => self.get(name).await?.ok_or(AppError::Aws("s3", format!("{name} was there and is not"))),
        }
    }

    async fn call(&self, method: &str, name: &str, body: &[u8]) -> Result<Said, AppError> {
        let mut last = AppError::Aws("s3", "no answer".to_owned());
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(PAUSE * attempt).await;
            }
            let Some(answer) = self.once(method, name, body).await else { continue };
            match (method, answer.status) {
                (_, 200) if answer.body.len() <= FILE_MAX => return Ok(Said::Yes(answer.body)),
                ("GET", 404) | ("PUT", 412) => return Ok(Said::No),
                // Two puts of one name at once: one of the two is told to come again.
                (_, 409 | 429 | 500..=599) => last = refused(answer.status),
                (_, status) => return Err(refused(status)),
            }
        }
        Err(last)
    }

    async fn once(&self, method: &str, name: &str, body: &[u8]) -> Option<Answer> {
        let (aws, clock) = (&self.app.aws, &self.app.clock);
        // By path where everything of AWS has one address; a bucket of its own has a host of its own.
        let url = match &aws.endpoint_override {
            Some(endpoint) => format!("{}/{}/{name}", endpoint.trim_end_matches('/'), self.bucket),
            None => {
                let address = aws.address_of("s3");
                let host = address.trim_start_matches("https://");
                format!("https://{}.{host}/{name}", self.bucket)
            }
        };
        let mut headers = Vec::new();
        if method == "PUT" {
            let checksum = STANDARD.encode(digest::digest(&digest::SHA256, body));
            headers.push(("if-none-match".to_owned(), "*".to_owned()));
            headers.push(("x-amz-checksum-sha256".to_owned(), checksum));
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let signature = object_signature(aws, clock, (method, &url), &headers, body)?;
        let headers: Vec<(String, String)> = headers.into_iter().chain(signature).collect();
        send_for(FILE_MAX, &self.app.http, method, &url, &headers, body.to_vec()).await
    }
}

fn refused(status: u16) -> AppError {
    AppError::Aws("s3", status.to_string())
}
