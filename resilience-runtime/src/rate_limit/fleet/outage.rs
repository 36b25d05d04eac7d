//! A time in which the store of a limit cannot be asked.

use std::sync::Arc;
use std::time::Duration;

/// How long a store that has failed is left alone: this long at first, then twice as long each time, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Outage {
    pause: Option<Duration>,
    /// The last error.
    pub(super) why: Arc<str>,
    /// Those that were not counted.
    pub(super) calls: u64,
}

/// What is told of an outage.
pub(super) enum News {
    Began { passing: bool, why: Arc<str> },
    Ended { passed: bool, calls: u64 },
}

impl Outage {
    pub(super) fn new() -> Self {
        Self { pause: None, why: "".into(), calls: 0 }
    }

    /// The store has failed, again or for the first time. How long it is left alone.
    pub(super) fn failed(&mut self, why: Arc<str>) -> Duration {
        let pause = self.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LONGEST_PAUSE));
        self.pause = Some(pause);
        self.why = why;
        pause
    }
}
