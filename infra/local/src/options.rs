//! The local shop's options: from flags, else from the environment, else as documented.

use std::path::PathBuf;

/// What `cargo run` was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes any free one.
    pub port: u16,
    /// The data folder; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// The administrator's password, when it is not the kept one.
    pub admin_password: Option<String>,
    /// The sandbox merchant's number.
    pub sandbox_pid: String,
    /// The sandbox merchant's key, when it is not the kept one.
    pub sandbox_key: Option<String>,
    /// How long stock is held, seconds.
    pub hold_seconds: i64,
    /// How often the timer runs, seconds.
    pub tick_seconds: u64,
    /// How long an ownerless claim is watched before it is given up, seconds.
    pub orphan_seconds: i64,
    /// Unpaid orders one contact may hold open; 0 for no limit.
    pub open_orders_per_contact: u32,
    /// Unpaid orders that may be open from one address; 0 for no limit.
    pub open_orders_per_address: u32,
    /// Whether what is counted is printed between the lines of the log, as in a deployment.
    pub numbers: bool,
}

/// Name of the variable, name of the flag, what it is.
const KNOWN: [(&str, &str, &str); 11] = [
    ("KAMIVEND_PORT", "--port", "port on 127.0.0.1 (default 3000)"),
    ("KAMIVEND_DATA", "--data", "data folder (default .kamivend; :memory: for none)"),
    ("KAMIVEND_ADMIN_PASSWORD", "--admin-password", "the administrator's password (default: generated and kept)"),
    ("KAMIVEND_SANDBOX_PID", "--sandbox-pid", "merchant number at the sandbox gateway (default 1000)"),
    ("KAMIVEND_SANDBOX_KEY", "--sandbox-key", "merchant key at the sandbox gateway (default: generated and kept)"),
    ("KAMIVEND_HOLD_SECONDS", "--hold-seconds", "how long stock is held for an unpaid order (default 900)"),
    ("KAMIVEND_TICK_SECONDS", "--tick-seconds", "how often the timer runs (default 60)"),
    ("KAMIVEND_ORPHAN_SECONDS", "--orphan-seconds", "how long an ownerless hold is watched (default 360)"),
    ("KAMIVEND_OPEN_ORDERS_PER_CONTACT", "--per-contact", "unpaid orders of one contact (default 3; 0: no limit)"),
    ("KAMIVEND_OPEN_ORDERS_PER_ADDRESS", "--per-address", "unpaid orders from one address (default 30; 0: no limit)"),
    ("KAMIVEND_NUMBERS", "--numbers", "print what is counted between the log lines: yes or no (default no)"),
];

/// The longest time that may be asked for: thirty days.
const SECONDS_MAX: i64 = 30 * 24 * 60 * 60;

/// The words for `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "The local shop. Each option is a flag or a variable of the environment.\n\n\
         Without a command it serves the shop. Commands, for a folder that no shop has open:\n  \
         audit      looks at everything, prints a report, ends with 0 when nothing differs and the shop is open;\n  \
         \x20          of a shop closed by `restored` it goes on with that audit, and opens it when clean\n  \
         restored   says that the folder was put back from a copy: closes the shop, audits, opens it when clean\n  \
         evidence   holds what was sealed of orders against the orders, names what differs, ends with 0 when nothing does;\n  \
         \x20          it changes nothing\n  \
         export FILE  writes everything the shop is into a new file, sealed under a passphrase\n  \
         verify FILE  reads such a file to its end as an import would, changes nothing, and counts what it holds\n  \
         import FILE  reads such a file to its end and then brings the shop back, into a folder that holds none\n\
         The passphrase has at least 12 characters and comes from KAMIVEND_BACKUP_PASSPHRASE, or as one line on stdin.\n\
         With --deployed, `evidence`, `export` and `import` use the tables that the environment of a function names.\n\
         The command comes before the flags.\n\n",
    );
    for (variable, flag, what) in KNOWN {
        text += &format!("  {flag:<18} {variable:<34} {what}\n");
    }
    text
}

/// Reads flags (`--port 3000` or `--port=3000`) over variables. The error names what does not read.
pub fn parse(args: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<Options, String> {
    let mut flags: Vec<(&str, String)> = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => (arg.as_str(), args.next().cloned().ok_or_else(|| format!("{arg} needs a value"))?),
        };
        let known =
            KNOWN.iter().find(|(_, flag, _)| *flag == name).ok_or_else(|| format!("{name} is not an option"))?;
        flags.push((known.0, value));
    }
    let value = |name: &str| {
        let flag = flags.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v.clone());
        flag.or_else(|| variable(name)).filter(|v| !v.is_empty())
    };
    fn number<T: std::str::FromStr>(name: &str, text: Option<String>, default: T) -> Result<T, String> {
        text.map_or(Ok(default), |t| t.parse().map_err(|_| format!("{name} does not read as a number")))
    }
    let seconds = |name: &str, default: i64| {
        let fits = |n: i64| (1..=SECONDS_MAX).contains(&n).then_some(n);
        let wrong = || format!("{name} must be between 1 and {SECONDS_MAX}");
        number(name, value(name), default).and_then(|n| fits(n).ok_or_else(wrong))
    };
    let count = |name: &str, default: u32| number(name, value(name), default);
    let numbers = match value("KAMIVEND_NUMBERS").as_deref() {
        None | Some("no") => false,
        Some("yes") => true,
        Some(_) => return Err("KAMIVEND_NUMBERS must be yes or no".to_owned()),
    };
    let data = value("KAMIVEND_DATA").unwrap_or_else(|| ".kamivend".to_owned());
    Ok(Options {
        port: number("KAMIVEND_PORT", value("KAMIVEND_PORT"), 3000)?,
        data: (data != ":memory:").then(|| PathBuf::from(data)),
        admin_password: value("KAMIVEND_ADMIN_PASSWORD"),
        sandbox_pid: value("KAMIVEND_SANDBOX_PID").unwrap_or_else(|| "1000".to_owned()),
        sandbox_key: value("KAMIVEND_SANDBOX_KEY"),
        hold_seconds: seconds("KAMIVEND_HOLD_SECONDS", app::config::HOLD_SECONDS)?,
        tick_seconds: u64::try_from(seconds("KAMIVEND_TICK_SECONDS", 60)?).unwrap_or(60),
        orphan_seconds: seconds("KAMIVEND_ORPHAN_SECONDS", domain::limits::ORPHAN_AGE_MS / 1_000)?,
        open_orders_per_contact: count("KAMIVEND_OPEN_ORDERS_PER_CONTACT", app::config::OPEN_ORDERS_PER_CONTACT)?,
        open_orders_per_address: count("KAMIVEND_OPEN_ORDERS_PER_ADDRESS", app::config::OPEN_ORDERS_PER_ADDRESS)?,
        numbers,
    })
}
