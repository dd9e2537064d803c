//! The addresses that WeChat Pay is asked at and is told.

/// `http(s)://host[:port][/path]` of characters that need no escape, without a user's name, a query and a fragment.
pub(super) struct Address<'a> {
    secure: bool,
    host: &'a str,
    /// From the first slash after the host, or empty.
    pub(super) path: &'a str,
}

impl<'a> Address<'a> {
    /// Reads one. `None` when it is anything else.
    pub(super) fn read(url: &'a str) -> Option<Address<'a>> {
        let (secure, rest) = match url.strip_prefix("https://") {
            Some(rest) => (true, rest),
            None => (false, url.strip_prefix("http://")?),
        };
        let (authority, path) = rest.split_at_checked(rest.find('/').unwrap_or(rest.len()))?;
        let end = authority.rfind(']').map(|at| at + 1).or_else(|| authority.find(':')).unwrap_or(authority.len());
        let (host, port) = authority.split_at_checked(end)?;
        let port_is_number = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        let of_host = |b: u8| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b);
        let of_path = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
        let plain = !host.is_empty() && host.bytes().all(of_host) && path.bytes().all(of_path);
        (plain && port_is_number).then_some(Address { secure, host, path })
    }

    /// Whether nobody on the way can read or change what is sent there.
    pub(super) fn is_safe(&self) -> bool {
        self.secure || matches!(self.host, "127.0.0.1" | "localhost" | "[::1]")
    }
}
