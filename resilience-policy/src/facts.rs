use std::time::Duration;

use crate::retry::{Backoff, Jitter};

/// What a policy tells the rules about itself, so that no rule asks for a policy by name.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts {
    /// It cuts what is below it after this time.
    pub bounds: Option<Duration>,
    /// It may run what is below it again.
    pub repeats: Option<Repeats>,
    /// It knows whether the operation has happened.
    pub remembers: Option<Memory>,
    /// It decides over a window of calls.
    pub window: Option<Window>,
    /// A call waits in it for at most this time before what is below it runs.
    pub waits: Option<Duration>,
    /// It holds something (a permit, a claim, a place in a loop) for as long as the call below takes.
    pub holds: bool,
    /// It acts on the failures of what is below it.
    pub watches_failure: bool,
    /// No failure of what is below it gets past it.
    pub hides_failure: bool,
}

impl Facts {
    pub(crate) const NONE: Self = Self {
        bounds: None,
        repeats: None,
        remembers: None,
        window: None,
        waits: None,
        holds: false,
        watches_failure: false,
        hides_failure: false,
    };
}

/// How a policy repeats.
#[derive(Debug, Clone, Copy)]
pub struct Repeats {
    /// Runs of what is below, the first included.
    pub attempts: u32,
    /// Somebody said that the operation is safe to repeat.
    pub declared_safe: bool,
    /// The waits between attempts.
    pub backoff: Backoff,
    /// How the waits vary.
    pub jitter: Jitter,
}

/// What a policy remembers.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// How long a result is kept.
    pub ttl: Duration,
    /// How long a claim stands without renewal.
    pub lease: Duration,
    /// An interrupted operation is never run again.
    pub at_most_once: bool,
}

/// A window of a number of calls.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The calls it holds.
    pub calls: u32,
    /// The calls before the first decision, as written.
    pub min_calls: u32,
}
