//! How a push leaves the process: a plain call, or one with Amazon's signature.

use crate::App;
use crate::aws::signature;
use crate::net::{send, send_as_mail};
use push::mail::Mail;
use push::{Channel, Message, OTHER_SENDER, Refusal, Reply, Signing, Verdict};

impl App {
    /// Sends a message through a channel, now, and answers what the provider says.
    pub(crate) async fn push(&self, channel: &Channel, message: &Message) -> Verdict {
        // The role would refuse it as well, with a word that tells the seller nothing. It is no final answer: the message waits for a
        // sender that is allowed, and ends among the dead letters, which ring, instead of being dropped in silence.
        if channel.sender().is_some_and(|from| !self.config.sender.allows(from)) {
            return Verdict::Unknown(OTHER_SENDER);
        }
        let request = channel.request(message, self.clock.now());
        // In a deployment nothing leaves in clear and nothing goes to the machine itself, whoever wrote the address down: it may have
        // come in with another shop's settings.
        if matches!(request.signing, Signing::Done) && !self.is_own_machine() && !request.url.starts_with("https://") {
            return Verdict::Refused(Refusal::NotAllowed);
        }
        channel.judge(self.carry(request).await.as_ref())
    }

    /// Sends a mail, now, and answers what Amazon says.
    pub async fn send_mail(&self, mail: &Mail) -> Verdict {
        if !self.config.sender.allows(&mail.from.0) {
            return Verdict::Unknown(OTHER_SENDER);
        }
        Mail::judge(self.carry(mail.request()).await.as_ref())
    }

    /// Lets a request leave, signed where that is needed; `None` when nothing came back.
    async fn carry(&self, request: push::Request) -> Option<Reply> {
        let reply = match request.signing {
            Signing::Done => send(&self.http, "POST", &request.url, &request.headers, request.body).await,
            Signing::Aws(service) => match self.sign(service, &request) {
                Some((url, headers)) => send_as_mail(&self.http, &url, &headers, request.body).await,
                None => {
                    tracing::error!("a mail could not be signed");
                    None
                }
            },
        };
        reply.map(|answer| Reply { status: answer.status, headers: answer.headers, body: answer.body })
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
