//! Who wants to hear what. All receivers are one sealed document of the shop's table: whoever copies the table copies no token.

use super::NoticeKind;
use crate::seal::{open, seal};
use crate::{App, AppError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Millis, ProductId};
use push::Channel;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Outcome, ShopItem};

/// Receivers of one shop.
pub const RECEIVERS_MAX: usize = 20;

const KIND: &str = "pushes";
const ID: &str = "receivers";

/// Milliseconds for which it is known well enough whether anybody wants to hear something.
const WANTED_AGE_MS: i64 = 60_000;

/// Milliseconds for which whoever sends knows well enough to whom.
const SENDING_AGE_MS: i64 = 2_000;

const DAY_MINUTES: i64 = 24 * 60;

/// A receiver's language.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lang {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

/// Hours in which only faults are told, in minutes of the shop's day. They may pass midnight; two equal ends are the whole day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quiet {
    /// The first minute of them.
    pub from: u16,
    /// The first minute after them.
    pub to: u16,
}

impl Quiet {
    /// Whether a time lies in them, in a zone so many minutes east of UTC.
    pub fn holds(&self, at: Millis, utc_offset_minutes: i32) -> bool {
        let minute = (at.div_euclid(60_000) + i64::from(utc_offset_minutes)).rem_euclid(DAY_MINUTES);
        let (from, to) = (i64::from(self.from), i64::from(self.to));
        if from < to { (from..to).contains(&minute) } else { minute >= from || minute < to }
    }
}

/// Somebody who is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receiver {
    /// Its name in addresses, written as a product's id is.
    pub id: ProductId,
    /// Its name for people.
    pub name: String,
    /// How it is told, with its secrets.
    pub channel: Channel,
    /// What it wants to hear.
    pub kinds: BTreeSet<NoticeKind>,
    /// When it wants to hear of faults only.
    pub quiet: Option<Quiet>,
    /// Messages a minute above which the rest is told together; `None` tells every one.
    pub digest_over: Option<u32>,
    /// Products of which it wants to hear nothing.
    pub muted: BTreeSet<String>,
    /// Its language.
    pub lang: Lang,
}

impl Receiver {
    /// Whether a program reads it. Programs sleep through no night and want every event.
    pub fn is_program(&self) -> bool {
        self.channel.kind() == push::Kind::Webhook
    }
}

#[derive(Serialize, Deserialize)]
struct ReceiverDoc {
    id: String,
    name: String,
    channel: Value,
    kinds: BTreeSet<NoticeKind>,
    #[serde(default)]
    quiet: Option<Quiet>,
    #[serde(default)]
    digest_over: Option<u32>,
    #[serde(default)]
    muted: BTreeSet<String>,
    #[serde(default)]
    lang: Lang,
}

#[derive(Serialize, Deserialize)]
struct Doc {
    sealed: String,
}

/// Who was to be told, and when that was read.
type Remembered = Option<(Millis, Arc<Vec<Receiver>>)>;

/// What an instance remembers of the receivers.
#[derive(Default)]
pub(crate) struct Receivers(Mutex<Remembered>);

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receivers")
    }
}

impl App {
    /// Whether addresses of this machine may be called without TLS: only a shop that itself stands on it has any business there.
    pub fn is_own_machine(&self) -> bool {
        self.config.public_url.starts_with("http://127.0.0.1")
    }

    /// Everybody who is told, as they stand in the table, and the document's version.
    pub async fn receivers_now(&self) -> Result<(Vec<Receiver>, u32), AppError> {
        match self.store.shop_item(KIND, ID).await? {
            None => Ok((Vec::new(), 0)),
            Some(item) => Ok((self.read_receivers(&item)?, item.version)),
        }
    }

    /// Everybody who is told, from memory no older than a minute.
    pub(crate) async fn receivers_lately(&self) -> Result<Arc<Vec<Receiver>>, AppError> {
        self.receivers_within(WANTED_AGE_MS).await
    }

    /// Everybody who is told, from memory no older than two seconds.
    pub(crate) async fn receivers_to_tell(&self) -> Result<Arc<Vec<Receiver>>, AppError> {
        self.receivers_within(SENDING_AGE_MS).await
    }

    async fn receivers_within(&self, age: i64) -> Result<Arc<Vec<Receiver>>, AppError> {
        let now = self.clock.now();
        let known = self.receivers.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, receivers)) = known
            && (0..age).contains(&(now - at))
        {
            return Ok(receivers);
        }
        let receivers = Arc::new(self.receivers_now().await?.0);
        *self.receivers.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, receivers.clone()));
        Ok(receivers)
    }

    fn receivers_place(&self) -> [&[u8]; 3] {
        [KIND.as_bytes(), self.config.shop_id.as_bytes(), ID.as_bytes()]
    }

    fn read_receivers(&self, item: &ShopItem) -> Result<Vec<Receiver>, AppError> {
        let bad = || AppError::Setting("receivers");
        let doc: Doc = serde_json::from_str(&item.doc).map_err(|_| bad())?;
        let sealed = STANDARD.decode(doc.sealed).map_err(|_| bad())?;
        let clear = open(self.keys.settings(), &self.receivers_place(), &sealed)?;
        let docs: Vec<ReceiverDoc> = serde_json::from_slice(&clear).map_err(|_| bad())?;
        let read = |doc: ReceiverDoc| {
            Some(Receiver {
                id: ProductId::parse(&doc.id)?,
                name: doc.name,
                // What was allowed when it was written is allowed.
                channel: Channel::read(&doc.channel, None, true).ok()?,
                kinds: doc.kinds,
                quiet: doc.quiet,
                digest_over: doc.digest_over,
                muted: doc.muted,
                lang: doc.lang,
            })
        };
        docs.into_iter().map(read).collect::<Option<Vec<_>>>().ok_or_else(bad)
    }

    /// Writes everybody down who is told, unless somebody else did since version `seen`: then `false`.
    pub async fn change_receivers(&self, receivers: &[Receiver], seen: u32) -> Result<bool, AppError> {
        let bad = |_| AppError::Setting("receivers");
        let docs: Vec<ReceiverDoc> = receivers
            .iter()
            .map(|r| ReceiverDoc {
                id: r.id.to_string(),
                name: r.name.clone(),
                channel: r.channel.to_sealed_value(),
                kinds: r.kinds.clone(),
                quiet: r.quiet,
                digest_over: r.digest_over,
                muted: r.muted.clone(),
                lang: r.lang,
            })
            .collect();
        let clear = serde_json::to_vec(&docs).map_err(bad)?;
        let sealed = seal(self.keys.settings(), self.ids.bytes(), &self.receivers_place(), &clear)?;
        let doc = serde_json::to_string(&Doc { sealed: STANDARD.encode(sealed) }).map_err(bad)?;
        let item = ShopItem { kind: KIND.to_owned(), id: ID.to_owned(), doc, version: seen + 1 };
        let written = match seen {
            0 => self.store.create_shop_item(&item).await?,
            _ => self.store.change_shop_item(&item).await?,
        };
        *self.receivers.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(!matches!(written, Outcome::Refused(_)))
    }
}
