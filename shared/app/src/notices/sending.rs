//! How a push leaves the process: a plain call, or one with Amazon's signature.

use crate::App;
use crate::aws::signature;
use crate::net::send;
use push::{Channel, Message, Refusal, Reply, Signing, Verdict};

impl App {
    /// Whether mail can be sent from here: only where Amazon is.
    pub fn sends_mail(&self) -> bool {
        self.aws.mail_endpoint.is_some() || self.aws.region != "local"
    }

    /// Sends a message through a channel, now, and answers what the provider says.
    pub(crate) async fn push(&self, channel: &Channel, message: &Message) -> Verdict {
        let request = channel.request(message, self.clock.now());
        // In a deployment nothing leaves in clear and nothing goes to the machine itself, whoever wrote the address down: it may have
        // come in with another shop's settings.
        if matches!(request.signing, Signing::Done) && !self.is_own_machine() && !request.url.starts_with("https://") {
            return Verdict::Refused(Refusal::NotAllowed);
        }
        let reply = match request.signing {
            Signing::Done => send(&self.http, "POST", &request.url, &request.headers, request.body).await,
            Signing::Aws(service) => match self.sign(service, &request) {
                Some((url, headers)) => send(&self.http, "POST", &url, &headers, request.body).await,
                None => {
                    tracing::error!("a mail could not be signed");
                    None
                }
            },
        };
        let reply = reply.map(|answer| Reply { status: answer.status, headers: answer.headers, body: answer.body });
        channel.judge(reply.as_ref())
    }

    /// The whole address of a call to a service of Amazon's, and its headers with the signature.
    fn sign(&self, service: &str, request: &push::Request) -> Option<(String, Vec<(String, String)>)> {
        let base = match &self.aws.mail_endpoint {
            Some(base) => base.clone(),
            None => self.aws.address_of("email"),
        };
        let url = format!("{}{}", base.trim_end_matches('/'), request.url);
        let mut headers: Vec<(String, String)> =
            request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let made = signature(&self.aws, &self.clock, service, &url, &headers, &request.body)?;
        headers.extend(made);
        Some((url, headers))
    }
}
