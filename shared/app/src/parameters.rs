//! What a deployment keeps in Parameter Store, below one path. Everything secret there is a `SecureString`, under the account's
//! own SSM key, so that reading a parameter is one right and the key of the cards another.

use crate::aws::{CallError, Caller, Service};
use crate::keys::Secret32;
use crate::staff::PasswordHash;
use crate::{App, AppError, Ids};
use domain::Millis;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The shop's secret, 64 hexadecimal digits. Every function reads it.
pub const SHOP_SECRET: &str = "shop-secret";
/// Where buyers and providers reach the shop. Written by the deployment.
pub const PUBLIC_URL: &str = "public-url";
/// The administrator's password, for its owner to read; no function does but the one that makes it.
pub const ADMIN_PASSWORD: &str = "admin-password";
/// Its slow hash, against which the function `admin` checks.
pub const ADMIN_PASSWORD_HASH: &str = "admin-password-hash";

/// Milliseconds for which a password's hash is remembered: a new password works within a minute.
const HASH_AGE_MS: i64 = 60_000;

/// Parameter Store, below the path of one deployment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameters<'a> {
    pub(crate) caller: Caller<'a>,
    pub(crate) path: &'a str,
}

impl Parameters<'_> {
    async fn call(&self, operation: &str, body: &Value) -> Result<Value, CallError> {
        self.caller.call(Service::Ssm, operation, body).await
    }

    /// The values of those of the parameters that exist, by name.
    pub(crate) async fn read(&self, names: &[&str]) -> Result<HashMap<String, String>, AppError> {
        let full: Vec<String> = names.iter().map(|name| format!("{}/{name}", self.path)).collect();
        let body = json!({"Names": full, "WithDecryption": true});
        let answer = self.call("GetParameters", &body).await.map_err(|e| e.of(Service::Ssm))?;
        let found = answer.get("Parameters").and_then(Value::as_array).ok_or(AppError::Setting("parameters"))?;
        let pair = |one: &Value| {
            let name = one.get("Name")?.as_str()?.strip_prefix(self.path)?.strip_prefix('/')?.to_owned();
            Some((name, one.get("Value")?.as_str()?.to_owned()))
        };
        Ok(found.iter().filter_map(pair).collect())
    }

    /// Writes a secret parameter. Without `over` one that exists is left as it is, so that two who set up the same shop at once
    /// end with one secret.
    pub(crate) async fn write(&self, name: &str, value: &str, over: bool) -> Result<(), AppError> {
        let body = json!({
            "Name": format!("{}/{name}", self.path), "Value": value, "Type": "SecureString", "Overwrite": over,
        });
        match self.call("PutParameter", &body).await {
            Ok(_) => Ok(()),
            Err(CallError::Refused(code)) if code == "ParameterAlreadyExists" && !over => Ok(()),
            Err(error) => Err(error.of(Service::Ssm)),
        }
    }
}

/// Makes what a new deployment needs and leaves alone what is there: done twice, half, or by two at once, it ends the same.
pub(crate) async fn set_up(parameters: &Parameters<'_>, ids: &Ids) -> Result<(), AppError> {
    parameters.write(SHOP_SECRET, &Secret32(ids.bytes()).to_hex(), false).await?;
    parameters.write(ADMIN_PASSWORD, &fresh_password(ids), false).await?;
    // Read back: another may have been first.
    let found = parameters.read(&[ADMIN_PASSWORD, ADMIN_PASSWORD_HASH]).await?;
    if found.contains_key(ADMIN_PASSWORD_HASH) {
        return Ok(());
    }
    let password = found.get(ADMIN_PASSWORD).ok_or(AppError::Setting("the password was not kept"))?;
    parameters.write(ADMIN_PASSWORD_HASH, &PasswordHash::of(password, ids).to_text(), false).await
}

/// Makes a new password. The old one works until the hash is replaced, and no longer than a minute after.
pub(crate) async fn new_password(parameters: &Parameters<'_>, ids: &Ids) -> Result<(), AppError> {
    let password = fresh_password(ids);
    parameters.write(ADMIN_PASSWORD, &password, true).await?;
    parameters.write(ADMIN_PASSWORD_HASH, &PasswordHash::of(&password, ids).to_text(), true).await
}

fn fresh_password(ids: &Ids) -> String {
    crate::keys::hex(&ids.bytes::<10>())
}

/// The password's hash as read lately.
#[derive(Debug, Default)]
pub(crate) struct KnownPassword(Mutex<Option<(Millis, Option<PasswordHash>)>>);

impl App {
    /// Reads the password's hash again when it was read more than a minute ago. Whoever checks a password or a session calls this
    /// first; without a deployment's parameters there is nothing to read.
    pub async fn know_password(&self) -> Result<(), AppError> {
        let Some(path) = &self.config.parameters else {
            return Ok(());
        };
        let now = self.clock.now();
        let is_fresh = |at: Millis| (0..HASH_AGE_MS).contains(&(now - at));
        if self
            .known_password
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|(at, _)| is_fresh(*at))
        {
            return Ok(());
        }
        let parameters = Parameters { caller: self.caller(), path };
        let mut found = parameters.read(&[ADMIN_PASSWORD_HASH]).await?;
        let hash = match found.remove(ADMIN_PASSWORD_HASH) {
            None => None,
            Some(text) => Some(PasswordHash::parse(&text).ok_or(AppError::Setting("the password's hash"))?),
        };
        *self.known_password.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, hash));
        Ok(())
    }

    /// The hash that is in force: of the local shop's options, or as [`App::know_password`] read it last.
    pub(crate) fn password_hash(&self) -> Option<PasswordHash> {
        if self.config.parameters.is_none() {
            return self.config.admin_password.clone();
        }
        let known = self.known_password.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().and_then(|(_, hash)| hash.clone())
    }
}
