//! Accounts at payment providers: documents of the shop's table, whose secrets are sealed. What they were before stays readable, because
//! an attempt is settled with the settings it was made with.

use crate::catalogue::{CHANNEL, ChannelSetting};
use crate::seal::{open, seal};
use crate::{App, AppError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::AccountId;
use payments::{BadSetting, Kind, Settings, kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::PoisonError;
use store::{Outcome, ShopItem};

/// The kind of document that holds what an account's settings were in an earlier version.
const EARLIER: &str = "channel_earlier";

/// How many earlier settings a notification is tried with. Each forged notification costs as many looks into this process's memory.
const EARLIER_MAX: usize = 8;

/// How many earlier settings the ones of an attempt are sought among: an attempt is settled within days.
const EARLIER_SOUGHT: usize = 64;

/// Characters at a secret's end that its seller may see, to tell one from another, and how long it has to be for that.
const TAIL: usize = 4;
const TAIL_FROM: usize = 16;

/// The settings of an account as the seller gives them. The debug form holds no value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccountSettings {
    /// The account's id, which is also its webhook's path.
    pub account: AccountId,
    /// The name of its kind.
    pub kind: String,
    /// What its kind wants to know, secrets among it.
    pub settings: Settings,
    /// Whether new attempts may use it.
    pub enabled: bool,
    /// Whether it is the local shop's own gateway, where everybody can pay.
    pub sandbox: bool,
}

/// Why settings are not taken.
#[derive(Debug)]
pub enum Unset {
    /// No channel of that name exists.
    Kind,
    /// One of them is wrong; the sentence is for the seller.
    Setting(BadSetting),
    /// Something else.
    Fault(AppError),
}

impl<E: Into<AppError>> From<E> for Unset {
    fn from(error: E) -> Unset {
        Unset::Fault(error.into())
    }
}

impl AccountSettings {
    /// The kind it is of.
    pub fn known_kind(&self) -> Option<&'static Kind> {
        kind(&self.kind)
    }

    /// The settings that may be shown, by name, in the kind's order.
    pub fn shown(&self) -> Vec<(&'static str, Option<&str>)> {
        let fields = self.known_kind().map_or(&[][..], |kind| kind.fields);
        fields.iter().filter(|field| !field.secret).map(|field| (field.name, self.settings.get(field.name))).collect()
    }

    /// The secrets that were given, by name, each with its last four characters where it is long enough to spare them.
    pub fn tails(&self) -> Vec<(&'static str, String)> {
        let fields = self.known_kind().map_or(&[][..], |kind| kind.fields);
        let secrets = fields.iter().filter(|field| field.secret);
        secrets.filter_map(|field| Some((field.name, tail(self.settings.get(field.name)?)))).collect()
    }

    /// The codec's account, or which setting makes none.
    fn opened(&self) -> Result<payments::Channel, Unset> {
        let kind = self.known_kind().ok_or(Unset::Kind)?;
        (kind.open)(&self.settings).map_err(Unset::Setting)
    }

    /// What tells one merchant from another: everything that is neither secret nor an address. A key that was changed leaves it as it
    /// is, and so does a gateway that has moved: at its old address nobody answers.
    fn merchant(&self) -> String {
        let told = self.shown().into_iter().filter(|(name, _)| *name != "base_url");
        let shown = told.map(|(name, value)| format!("{name}={}\n", value.unwrap_or_default()));
        format!("{}\n{}", self.kind, shown.collect::<String>())
    }
}

fn tail(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    if secret.contains("-----") || characters.len() < TAIL_FROM {
        return String::new();
    }
    characters.iter().skip(characters.len() - TAIL).collect()
}

#[derive(Serialize, Deserialize)]
struct ChannelDoc {
    kind: String,
    settings: BTreeMap<String, String>,
    /// The secrets as a JSON object, sealed with a key derived from the shop's secret and bound to this account and version.
    sealed: String,
    enabled: bool,
    sandbox: bool,
    /// See [`ChannelSetting::before`].
    #[serde(default)]
    before: Option<u32>,
}

/// What a document of 易支付 was before there were other kinds.
#[derive(Deserialize)]
struct FirstDoc {
    base_url: String,
    pid: String,
    key_sealed: String,
    key_separator: bool,
    #[serde(default)]
    refund: Option<i64>,
    enabled: bool,
    #[serde(default)]
    sandbox: bool,
}

impl App {
    /// Reads an account's document. The sandbox is no channel where it may not take payments: it cannot sell, and a notification
    /// in its name, even a well signed one, comes to nobody.
    pub(crate) fn read_channel(
        &self,
        account: &AccountId,
        item: &ShopItem,
    ) -> Result<Option<ChannelSetting>, AppError> {
        let settings = self.read_settings_of(account, item)?;
        if settings.sandbox && !self.config.sandbox {
            return Ok(None);
        }
        let channel = settings.opened().map_err(|_| AppError::Setting("channel document"))?;
        Ok(Some(ChannelSetting {
            account: account.clone(),
            version: item.version,
            before: serde_json::from_str::<ChannelDoc>(&item.doc).ok().and_then(|doc| doc.before),
            is_sandbox: settings.sandbox,
            enabled: settings.enabled,
            merchant: settings.merchant().into(),
            channel,
        }))
    }

    fn read_settings_of(&self, account: &AccountId, item: &ShopItem) -> Result<AccountSettings, AppError> {
        let bad = || AppError::Setting("channel document");
        let Ok(doc) = serde_json::from_str::<ChannelDoc>(&item.doc) else {
            return self.read_first(account, item);
        };
        let sealed = STANDARD.decode(&doc.sealed).map_err(|_| bad())?;
        let version = item.version.to_be_bytes();
        let secrets = open(self.keys.settings(), &self.secrets_place(account, &version), &sealed)?;
        let secrets: BTreeMap<String, String> = serde_json::from_slice(&secrets).map_err(|_| bad())?;
        let all = doc.settings.iter().chain(&secrets).map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(AccountSettings {
            account: account.clone(),
            kind: doc.kind,
            settings: all.collect(),
            enabled: doc.enabled,
            sandbox: doc.sandbox,
        })
    }

    fn read_first(&self, account: &AccountId, item: &ShopItem) -> Result<AccountSettings, AppError> {
        let bad = || AppError::Setting("channel document");
        let doc: FirstDoc = serde_json::from_str(&item.doc).map_err(|_| bad())?;
        let sealed = STANDARD.decode(&doc.key_sealed).map_err(|_| bad())?;
        let place: [&[u8]; 3] = [b"channel", self.config.shop_id.as_bytes(), account.as_str().as_bytes()];
        let key = String::from_utf8(open(self.keys.settings(), &place, &sealed)?).map_err(|_| bad())?;
        let mut settings: Settings =
            [("base_url", doc.base_url.as_str()), ("pid", &doc.pid), ("key", &key)].into_iter().collect();
        if let Some(code) = doc.refund {
            settings.set("refund_code", &code.to_string());
        }
        if doc.key_separator {
            settings.set("key_separator", "true");
        }
        // The oldest have no word about it, and only a shop's own gateway lies below its own address.
        let sandbox = doc.sandbox || doc.base_url.strip_prefix(&self.config.public_url) == Some("/sandbox");
        let kind = "epay_v1".to_owned();
        Ok(AccountSettings { account: account.clone(), kind, settings, enabled: doc.enabled, sandbox })
    }

    fn secrets_place<'a>(&'a self, account: &'a AccountId, version: &'a [u8; 4]) -> [&'a [u8]; 4] {
        [b"channel secrets", self.config.shop_id.as_bytes(), account.as_str().as_bytes(), version]
    }

    /// Every account as its settings stand in the table, sorted by id.
    pub async fn channels_now(&self) -> Result<Vec<AccountSettings>, AppError> {
        let items = self.store.shop_items(CHANNEL).await?;
        items
            .iter()
            .map(|item| {
                let account = AccountId::parse(&item.id).ok_or(AppError::Setting("channel document"))?;
                self.read_settings_of(&account, item)
            })
            .collect()
    }

    /// An account's settings as they stand in the table.
    pub async fn channel_now(&self, account: &AccountId) -> Result<Option<AccountSettings>, AppError> {
        let item = self.store.shop_item(CHANNEL, account.as_str()).await?;
        item.map(|item| self.read_settings_of(account, &item)).transpose()
    }

    /// Writes an account's settings unless they are the ones that stand there already. What stood there before is kept first, under
    /// its version: attempts that were made with it are settled with it. Nothing is kept of an account that is only switched off or
    /// on, so that its earlier keys are as near as before.
    pub async fn configure_channel(&self, settings: &AccountSettings) -> Result<(), Unset> {
        settings.opened()?;
        let kind = settings.known_kind().ok_or(Unset::Kind)?;
        let found = self.store.shop_item(CHANNEL, settings.account.as_str()).await?;
        let mut before = None;
        if let Some(found) = &found {
            let known = self.read_settings_of(&settings.account, found).ok();
            if known.as_ref().is_some_and(|known| known == settings) {
                return Ok(());
            }
            if known.is_some_and(|known| AccountSettings { enabled: settings.enabled, ..known } == *settings) {
                before = serde_json::from_str::<ChannelDoc>(&found.doc).ok().and_then(|doc| doc.before);
            } else {
                self.keep_earlier(found).await?;
                before = Some(found.version);
            }
        }
        let version = found.as_ref().map_or(1, |f| f.version + 1);
        let is_secret = |name: &str| kind.fields.iter().any(|field| field.name == name && field.secret);
        let (secrets, open): (BTreeMap<_, _>, BTreeMap<_, _>) =
            settings.settings.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).partition(|(name, _)| is_secret(name));
        let bad = |_| AppError::Setting("channel document");
        let secrets = serde_json::to_vec(&secrets).map_err(bad)?;
        let place_version = version.to_be_bytes();
        let place = self.secrets_place(&settings.account, &place_version);
        let sealed = STANDARD.encode(seal(self.keys.settings(), self.ids.bytes(), &place, &secrets)?);
        let (enabled, sandbox) = (settings.enabled, settings.sandbox);
        let doc = ChannelDoc { kind: kind.name.to_owned(), settings: open, sealed, enabled, sandbox, before };
        let doc = serde_json::to_string(&doc).map_err(bad)?;
        let item = ShopItem { kind: CHANNEL.into(), id: settings.account.to_string(), doc, version };
        // Not through the keeper of unknown members: a setting that was taken away would come back.
        let written = match found {
            None => self.store.create_shop_item(&item).await?,
            Some(_) => self.store.change_shop_item(&item).await?,
        };
        self.catalogue.channels.lock().unwrap_or_else(PoisonError::into_inner).remove(&settings.account);
        self.arrange_or_leave().await;
        match written {
            Outcome::Refused(_) => Err(Unset::Fault(AppError::Contended)),
            _ => Ok(()),
        }
    }

    /// Keeps a version that is about to be replaced. Whoever kept it before kept the same.
    async fn keep_earlier(&self, found: &ShopItem) -> Result<(), AppError> {
        let id = earlier_id(&found.id, found.version);
        let kept = ShopItem { kind: EARLIER.into(), id, doc: found.doc.clone(), version: found.version };
        self.store.create_shop_item(&kept).await?;
        Ok(())
    }

    /// An account as its settings were in this version; `None` when nobody kept it. What was kept never changes, so it is remembered
    /// as long as the process lives.
    async fn channel_earlier(&self, account: &AccountId, version: u32) -> Result<Option<ChannelSetting>, AppError> {
        let key = (account.clone(), version);
        let known = self.catalogue.earlier.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let item = self.store.shop_item(EARLIER, &earlier_id(account.as_str(), version)).await?;
        let setting = item.map(|item| self.read_channel(account, &item)).transpose()?.flatten();
        self.catalogue.earlier.lock().unwrap_or_else(PoisonError::into_inner).insert(key, setting.clone());
        Ok(setting)
    }

    /// The earlier settings of an account that a notification may still be signed with, the newest first.
    pub async fn channels_before(&self, current: &ChannelSetting) -> Result<Vec<ChannelSetting>, AppError> {
        let (mut found, mut before) = (Vec::new(), current.before);
        while let Some(version) = before
            && found.len() < EARLIER_MAX
        {
            let Some(earlier) = self.channel_earlier(&current.account, version).await? else { break };
            before = earlier.before;
            found.push(earlier);
        }
        Ok(found)
    }

    /// The account to speak to about something that was made with this version of its settings: as it is now where it is the same
    /// merchant's, because a key that was changed is changed for everything, and otherwise as it was then.
    pub async fn channel_of(&self, account: &AccountId, version: u32) -> Result<Option<ChannelSetting>, AppError> {
        let Some(current) = self.channel(account).await? else { return Ok(None) };
        let mut then = current.clone();
        for _ in 0..EARLIER_SOUGHT {
            // What was kept last before them had the settings of all versions up to its own.
            let Some(before) = then.before.filter(|before| version <= *before) else { break };
            let Some(earlier) = self.channel_earlier(account, before).await? else { break };
            then = earlier;
        }
        Ok(Some(if then.merchant == current.merchant { current } else { then }))
    }
}

fn earlier_id(account: &str, version: u32) -> String {
    format!("{account}.{version}")
}
