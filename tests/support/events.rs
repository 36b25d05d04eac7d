//! Records what the policies decide. Every test has a thread of its own, and so a record of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

type Fields = BTreeMap<&'static str, String>;

thread_local! {
    static RECORDED: RefCell<Vec<Fields>> = const { RefCell::new(Vec::new()) };
}

struct Recorder;

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "resilience" {
            let mut fields = Collect::default();
            event.record(&mut fields);
            RECORDED.with_borrow_mut(|all| all.push(fields.0));
        }
    }
}

#[derive(Default)]
struct Collect(Fields);

impl Visit for Collect {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// Starts recording in this thread.
pub fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let recorder = tracing_subscriber::registry().with(Recorder);
        tracing::subscriber::set_global_default(recorder).expect("the only subscriber");
    });
    RECORDED.with_borrow_mut(Vec::clear);
}

/// What was decided since the last look: each event with those of its fields that say more, as in
/// `transition closed open`.
pub fn take() -> Vec<String> {
    let all = RECORDED.take();
    let more = ["kind", "class", "attempt", "delay_ms", "why", "from", "to"];
    let line = |fields: &Fields| {
        let values = more.iter().filter_map(|name| fields.get(name)).map(String::as_str);
        std::iter::once(fields["event"].as_str()).chain(values).collect::<Vec<_>>().join(" ")
    };
    all.iter().map(line).collect()
}

/// Every word of the events since the last look.
pub fn words() -> String {
    let fields = RECORDED.take().into_iter().flatten();
    fields.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("\n")
}

/// The sites that the events since the last look name.
pub fn sites() -> Vec<String> {
    RECORDED
        .take()
        .into_iter()
        .map(|mut fields| fields.remove("site").expect("every event has a site"))
        .collect()
}

/// Which retries have stopped since the last look, and because of which: their functions' names.
pub fn stopped() -> Vec<String> {
    let last = |name: &String| name.rsplit("::").next().unwrap_or_default().to_owned();
    let stopped = RECORDED.take().into_iter().filter(|fields| fields["event"] == "retry_stopped");
    let line = |fields: Fields| match fields.get("inner") {
        Some(inner) => format!("{} because of {}", last(&fields["site"]), last(inner)),
        None => last(&fields["site"]),
    };
    stopped.map(line).collect()
}
