//! What the library decided during the protected run, from its own `tracing` events.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use crate::shared::heard::{Said, listen};

/// All decisions so far.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Vec<Decision>>);

#[derive(Clone)]
pub(crate) struct Decision {
    pub(crate) at: Instant,
    pub(crate) event: String,
    /// The function that it fell in, which is named like the dependency that it calls.
    pub(crate) part: String,
    /// The kind of a rejection, the class of a failure, or the new state of a breaker.
    pub(crate) why: String,
}

impl Seen {
    /// Starts to listen, for the rest of the program.
    pub(crate) fn start() -> Arc<Self> {
        let seen = Arc::<Self>::default();
        let record = seen.clone();
        listen(move |said| record.0.lock().expect("nobody panics here").push(Decision::of(said)));
        seen
    }

    /// Takes what there is.
    pub(crate) fn take(&self) -> Vec<Decision> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics here"))
    }
}

impl Decision {
    fn of(said: &Said) -> Self {
        let why = [said.get("kind"), said.get("class"), said.get("to")].concat();
        let part = said.get("site").rsplit("::").next().unwrap_or_default();
        Self { at: Instant::now(), event: said.get("event").to_owned(), part: part.to_owned(), why }
    }

    pub(crate) fn is(&self, event: &str) -> bool {
        self.event == event
    }
}

/// How many there are of each name.
pub(crate) fn tally<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, u64> {
    let mut tally = BTreeMap::new();
    for name in names {
        *tally.entry(name.clone()).or_default() += 1;
    }
    tally
}
