//! What the library decided during the run, counted from its own `tracing` events.

use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};

use crate::shared::heard::{Said, listen};

/// What was counted, in this process or in several.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) replayed: u64,
    pub(crate) retried: u64,
    pub(crate) timed_out: u64,
    pub(crate) breaker_opened: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.replayed += other.replayed;
        self.retried += other.retried;
        self.timed_out += other.timed_out;
        self.breaker_opened += other.breaker_opened;
    }
}

/// The counts so far.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    replayed: AtomicU64,
    retried: AtomicU64,
    timed_out: AtomicU64,
    breaker_opened: AtomicU64,
    /// Where the breaker went last, as an index into `BREAKER`.
    breaker: AtomicU8,
}

const BREAKER: [&str; 3] = ["closed", "open", "half_open"];

impl Seen {
    /// Starts to count, for the rest of the program.
    pub(crate) fn start() -> Arc<Self> {
        let seen = Arc::<Self>::default();
        let counting = seen.clone();
        listen(move |said| counting.count(said));
        seen
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            replayed: self.replayed.load(Relaxed),
            retried: self.retried.load(Relaxed),
            timed_out: self.timed_out.load(Relaxed),
            breaker_opened: self.breaker_opened.load(Relaxed),
        }
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
        let counter = match said.get("event") {
            "replayed" => &self.replayed,
            "retry_scheduled" => &self.retried,
            "rejected" if said.get("kind") == "Timeout" => &self.timed_out,
            "transition" => {
                let to = BREAKER.iter().position(|state| *state == said.get("to"));
                self.breaker.store(to.and_then(|to| u8::try_from(to).ok()).unwrap_or_default(), Relaxed);
                if said.get("to") != "open" {
                    return;
                }
                &self.breaker_opened
            }
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}
