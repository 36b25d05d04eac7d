//! The library's own `tracing` events, for the rest of the program.

use std::collections::HashMap;
use std::fmt::Debug;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The fields of one event.
#[derive(Default)]
pub(crate) struct Said(HashMap<&'static str, String>);

impl Said {
    /// The value of a field; empty, if the event has none of this name.
    pub(crate) fn get(&self, field: &str) -> &str {
        self.0.get(field).map_or("", String::as_str)
    }
}

/// Hands each event of the library to `hear`, as long as the program runs.
pub(crate) fn listen(hear: impl Fn(&Said) + Send + Sync + 'static) {
    let subscriber = tracing_subscriber::registry().with(Hearing(hear));
    tracing::subscriber::set_global_default(subscriber).expect("nobody else listens in this program");
}

struct Hearing<F>(F);

impl<S: Subscriber, F: Fn(&Said) + Send + Sync + 'static> Layer<S> for Hearing<F> {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "resilience"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        (self.0)(&said);
    }
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}
