//! Logs: one JSON line each, to standard output, where Lambda takes them up. Whatever stands on a span (the request, the
//! order, the attempt) stands in every line that is written inside it, as a member of the line itself, so that one filter
//! finds everything about an order in the logs of every function.

use app::Clock;
use app::clock::rfc3339;
use domain::order::Order;
use domain::{OrderId, OutTradeNo};
use lambda_runtime::Context;
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::Write;
use tracing::field::{Empty, Field, Visit, display};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Span, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Context as In, Filter, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// What writes contacts, cookies and passwords down below [`Level::INFO`]: they log what they send and get. Nobody's variable
/// lets them.
const TALKATIVE: [&str; 5] = ["aws", "lambda", "hyper", "h2", "rustls"];

/// What a line never has, so that it is never mistaken for one: the member by which CloudWatch knows metrics.
const METRICS: &str = "_aws";

/// Starts logging for the process. Twice is harmless: the first stays.
pub fn start() {
    let level = app::config::log_level();
    let lines = Lines::new(Clock::system(), std::io::stdout).with_filter(filter(level.as_deref()));
    // Refused only when a subscriber is set already, which is the wish.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines));
}

/// What is logged: `RUST_LOG`'s wish (`wish`), or `info`; of talkative libraries nothing below `info`.
pub fn filter<S: Subscriber>(wish: Option<&str>) -> impl Filter<S> + use<S> {
    let filter = wish.and_then(|wish| EnvFilter::try_new(wish).ok()).unwrap_or_else(|| EnvFilter::new("info"));
    filter.and(filter_fn(is_fit).with_max_level_hint(LevelFilter::TRACE))
}

fn is_fit(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || !TALKATIVE.iter().any(|library| metadata.target().starts_with(library))
}

/// The span of one invocation that is no HTTP request. `id` is Lambda's, or a name of the local world's.
///
/// Spans are of the level `ERROR`, because one that is filtered out takes its members with it.
pub fn invocation(function: &'static str, id: &str, context: Option<&Context>) -> Span {
    let span = tracing::error_span!("invocation", request_id = id, trace = Empty, function);
    if let Some(trace) = context.and_then(|context| context.xray_trace_id.as_deref()) {
        span.record("trace", trace);
    }
    span
}

/// Writes onto the current request's span which order it is about.
pub(crate) fn about(order: &OrderId) {
    Span::current().record("order", display(order));
}

/// Writes onto the current request's span which attempt of which order was made last.
pub(crate) fn about_newest(order: &Order) {
    if let Some(attempt) = order.newest_attempt() {
        about_attempt(&attempt.no);
    }
}

/// Writes onto the current request's span which attempt it is about, and so which order.
pub(crate) fn about_attempt(attempt: &OutTradeNo) {
    about(&attempt.order);
    Span::current().record("attempt", display(attempt));
}

/// Writes one JSON line for each event: time, level, message and target, then the members of every span around it, the inner
/// ones winning over the outer, then its own.
pub struct Lines<M> {
    clock: Clock,
    out: M,
}

impl<M> Lines<M> {
    /// Lines that go to what `out` makes.
    pub fn new(clock: Clock, out: M) -> Lines<M> {
        Lines { clock, out }
    }
}

/// The members of a span or an event.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name().trim_start_matches("r#");
        let name = if name == METRICS { "aws" } else { name };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Members {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, json!(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, json!(format!("{value:?}")));
    }
}

impl<S, M, W> Layer<S> for Lines<M>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    M: Fn() -> W + 'static,
    W: Write,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: In<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut members = Members::default();
        attributes.record(&mut members);
        span.extensions_mut().insert(members);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: In<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(members) = span.extensions_mut().get_mut::<Members>() {
            values.record(members);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: In<'_, S>) {
        let mut line = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(members) = span.extensions().get::<Members>() {
                line.extend(members.0.clone());
            }
        }
        let mut own = Members::default();
        event.record(&mut own);
        line.extend(own.0);
        let metadata = event.metadata();
        line.insert("timestamp".to_owned(), json!(rfc3339(self.clock.now())));
        line.insert("level".to_owned(), json!(metadata.level().as_str()));
        line.insert("target".to_owned(), json!(metadata.target()));
        // One call, so that the lines of two threads do not mix. A line that cannot be written fails nobody's purchase.
        let _ = (self.out)().write_all(format!("{}\n", Value::Object(line)).as_bytes());
    }
}
