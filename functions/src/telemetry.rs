//! Logs: one JSON line each, to standard output, where Lambda takes them up.

use tracing_subscriber::EnvFilter;

/// Starts logging for the process. Twice is harmless: the first stays.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Below this the SDK writes down what it sends, buyers' contacts included: nobody's variable lets it.
    let filter = match "aws=info".parse() {
        Ok(cap) => filter.add_directive(cap),
        Err(_) => filter,
    };
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
