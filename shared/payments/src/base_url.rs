//! The addresses of providers, as sellers type them.

use crate::{BadSetting, Settings};

/// The setting that holds the address, in every kind of channel that lets it be set.
pub(crate) const FIELD: &str = "base_url";

/// The provider's address out of the settings, without slashes at its end: people paste it both ways. The provider's official address
/// where none was given; where it has none, the setting is required.
///
/// Replies that are not signed are worth what the connection is worth, so anything but TLS is refused beyond this machine.
pub(crate) fn read(settings: &Settings, official: Option<&str>) -> Result<String, BadSetting> {
    let given = match (settings.get(FIELD), official) {
        (Some(given), _) => given,
        (None, Some(official)) => official,
        (None, None) => settings.required(FIELD)?,
    };
    let url = given.trim_end_matches('/');
    let bad = BadSetting { field: FIELD, why: "The address must be https://host, with nothing after the path." };
    let host = host(url).ok_or(bad)?;
    if !url.starts_with("https://") && !matches!(host, "127.0.0.1" | "localhost" | "[::1]") {
        return Err(bad);
    }
    Ok(url.to_owned())
}

/// Whether a provider's page may be shown to a buyer: an address with TLS, or of the machine where the provider itself is one of it.
pub(crate) fn is_page(url: &str, base_url: &str) -> bool {
    let local = base_url.starts_with("http://") && url.starts_with(base_url);
    (url.starts_with("https://") || local) && url.bytes().all(|b| b.is_ascii_graphic())
}

/// The host of a plain address: `http(s)://host[:port][/path]` of characters that need no escape and can cut no signed
/// text. No user name, no query, no fragment. 易支付 would append its fields to a query of ours, and then sign ours too.
pub(crate) fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]".contains(&b);
    let authority = rest.split('/').next().unwrap_or_default();
    let end = authority.rfind(']').map(|at| at + 1).or_else(|| authority.find(':')).unwrap_or(authority.len());
    let (host, port) = authority.split_at_checked(end)?;
    let port_is_number = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    (!host.is_empty() && port_is_number && rest.bytes().all(plain)).then_some(host)
}
