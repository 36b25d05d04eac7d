//! What the library decided during the run, counted from its own `tracing` events.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// The counts so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) replayed: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) timed_out: AtomicU64,
    pub(crate) breaker_opened: AtomicU64,
    /// Where the breaker went last, as an index into `BREAKER`.
    breaker: AtomicU8,
}

const BREAKER: [&str; 3] = ["closed", "open", "half_open"];

impl Seen {
    /// Starts to count, for the rest of the program.
    pub(crate) fn start() -> Arc<Self> {
        let seen = Arc::<Self>::default();
        let subscriber = tracing_subscriber::registry().with(Counting(seen.clone()));
        tracing::subscriber::set_global_default(subscriber).expect("nobody else listens in this program");
        seen
    }

    pub(crate) fn breaker(&self) -> &'static str {
        BREAKER[usize::from(self.breaker.load(Relaxed))]
    }

    /// Starts again at nothing, for another run.
    pub(crate) fn clear(&self) {
        for counter in [&self.replayed, &self.retried, &self.timed_out, &self.breaker_opened] {
            counter.store(0, Relaxed);
        }
        self.breaker.store(0, Relaxed);
    }

    fn count(&self, said: &Said) {
        let counter = match said.event.as_str() {
            "replayed" => &self.replayed,
            "retry_scheduled" => &self.retried,
            "rejected" if said.kind == "Timeout" => &self.timed_out,
            "transition" => {
                let to = BREAKER.iter().position(|state| *state == said.to);
                self.breaker.store(to.and_then(|to| u8::try_from(to).ok()).unwrap_or_default(), Relaxed);
                if said.to != "open" {
                    return;
                }
                &self.breaker_opened
            }
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}

struct Counting(Arc<Seen>);

impl<S: Subscriber> Layer<S> for Counting {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "resilience"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        self.0.count(&said);
    }
}

/// The fields of one event that are counted here.
#[derive(Default)]
struct Said {
    event: String,
    kind: String,
    to: String,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => value.clone_into(&mut self.event),
            "kind" => value.clone_into(&mut self.kind),
            "to" => value.clone_into(&mut self.to),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
