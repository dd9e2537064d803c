//! One mail to a buyer: begun, put into words, sent and ended, so that a message that comes twice is one mail.

use crate::pages::view::{Frame, Lang};
use crate::pages::{self, MailContent};
use app::notices::{Begin, BuyerMail, Letter};
use app::settings::{Contact, SupportKind};
use app::{App, AppError};
use push::Verdict;
use push::mail::{Mail, is_address};

/// Sends a mail, whose message has come `receives` times as far as the queue says. An error leaves the message in the queue.
pub(crate) async fn send(app: &App, mail: &BuyerMail, receives: u32) -> Result<(), AppError> {
    let turn = match app.begin_mail(mail).await? {
        Begin::Turn(turn) => turn,
        Begin::Done => return Ok(()),
        // Whoever is at it may yet fail.
        Begin::UnderWay => return Err(AppError::Unforeseen("a mail is being sent by somebody else")),
    };
    let Some(letter) = app.letter(mail).await? else {
        tracing::info!(mail = mail.id, "a mail has nothing to say any more");
        return app.end_mail(&turn).await;
    };
    let is_allowed = app.config.sender.allows(&letter.showcase.settings.buyer_mail.from);
    let keys = match letter.order_of_keys() {
        Some(order) if is_allowed => app.keys_for_mail(mail, order).await?.unwrap_or_default(),
        _ => Vec::new(),
    };
    let verdict = app.send_to_buyer(&worded(app, &letter, &keys).await?).await;
    tracing::info!(mail = mail.id, receives, result = verdict.as_str(), reason = verdict.reason(), "a mail to a buyer");
    match verdict {
        Verdict::Accepted | Verdict::Refused(_) => app.end_mail(&turn).await,
        // Nothing was asked of Amazon, so nothing is counted: the message waits for a sender that is allowed, among the dead letters at
        // last, which ring.
        Verdict::Unknown(_) if !is_allowed => Err(AppError::Unforeseen("mail may not be sent in this name here")),
        // Amazon may have sent it each time, and one mail too few is better than thirty of the same.
        Verdict::Unknown(_) if app.is_given_up(mail).await? => {
            tracing::warn!(mail = mail.id, "a mail is given up: Amazon never says whether it took it");
            app.end_mail(&turn).await
        }
        // Begun and not ended: the next try may begin it anew.
        Verdict::Busy { .. } | Verdict::Unknown(_) => Err(AppError::Unforeseen("Amazon did not take a mail yet")),
    }
}

async fn worded(app: &App, letter: &Letter, keys: &[String]) -> Result<Mail, AppError> {
    let settings = &letter.showcase.settings;
    let first = letter.orders.first().ok_or(AppError::Unforeseen("a mail about no order"))?;
    let listed = letter.showcase.product(&first.order.product);
    let instructions = match letter.tells_of_delivery {
        true => app.texts(&first.order.product).await?.instructions,
        false => String::new(),
    };
    let own = listed.map(|listed| listed.look.support.as_slice()).filter(|support| !support.is_empty());
    let support = if letter.orders.len() == 1 { own.unwrap_or(&settings.support) } else { &settings.support };
    let frame = Frame {
        lang: Lang::of_stored(letter.lang),
        settings,
        is_sandbox: letter.showcase.is_sandbox(),
        path: "",
        now: app.clock.now(),
        env: pages::env::detect(""),
    };
    let words = pages::mail(
        &frame,
        &MailContent {
            orders: &letter.orders,
            tells_of_delivery: letter.tells_of_delivery,
            keys,
            instructions: &instructions,
            support,
        },
    );
    Ok(Mail {
        from: (settings.buyer_mail.from.clone(), settings.name.clone()),
        to: letter.to.clone(),
        reply_to: support.iter().find_map(mail_of),
        subject: words.subject,
        text: words.text,
        html: words.html,
    })
}

/// Where an answer to the mail reaches somebody.
fn mail_of(contact: &Contact) -> Option<String> {
    (contact.kind == SupportKind::Email && is_address(&contact.value)).then(|| contact.value.clone())
}
