//! Logs: one JSON line each, to standard output, where Lambda takes them up.

use tracing_subscriber::EnvFilter;

/// Starts logging for the process. Twice is harmless: the first stays.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Below this, libraries write down what they send and get: contacts, cookies, passwords. Nobody's variable lets them.
    let filter = ["aws=info", "lambda=info", "hyper=info", "h2=info", "rustls=info"]
        .iter()
        .filter_map(|cap| cap.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .finish();
    // Refused only when a subscriber is set already, which is the wish.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
