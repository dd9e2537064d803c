//! How a push leaves the process: a plain call, or one with Amazon's signature.

use crate::net::send;
use crate::{App, AppError};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use push::{Channel, Message, Reply, Signing, Verdict};
use std::time::{Duration, UNIX_EPOCH};

impl App {
    /// Whether mail can be sent from here: only where Amazon is.
    pub fn sends_mail(&self) -> bool {
        self.aws.endpoint.is_some() || self.aws.region != "local"
    }

    /// Sends a message through a channel, now, and answers what the provider says.
    pub(crate) async fn push(&self, channel: &Channel, message: &Message) -> Verdict {
        let request = channel.request(message, self.clock.now());
        let reply = match request.signing {
            Signing::Done => send(&self.http, "POST", &request.url, &request.headers, request.body).await,
            Signing::Aws(service) => match self.sign(service, &request) {
                Ok((url, headers)) => send(&self.http, "POST", &url, &headers, request.body).await,
                Err(error) => {
                    tracing::error!(%error, "a mail could not be signed");
                    None
                }
            },
        };
        let reply = reply.map(|answer| Reply { status: answer.status, headers: answer.headers, body: answer.body });
        channel.judge(reply.as_ref())
    }

    /// The whole address of a call to a service of Amazon's, and its headers with the signature.
    fn sign(&self, service: &str, request: &push::Request) -> Result<(String, Vec<(String, String)>), AppError> {
        let bad = |_| AppError::Sealing("the signature of a call to AWS");
        let base = match &self.aws.endpoint {
            Some(base) => base.trim_end_matches('/').to_owned(),
            None => format!("https://email.{}.amazonaws.com", self.aws.region),
        };
        let url = format!("{base}{}", request.url);
        let mut headers: Vec<(String, String)> =
            request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let identity = self.aws.credentials.clone().into();
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.clock.now()).unwrap_or_default());
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.aws.region)
            .name(service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| AppError::Sealing("what a signature is made of"))?
            .into();
        let given = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new("POST", url.as_str(), given, SignableBody::Bytes(&request.body));
        let (made, _) = sign(signable.map_err(bad)?, &params).map_err(bad)?.into_parts();
        headers.extend(made.headers().map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok((url, headers))
    }
}
