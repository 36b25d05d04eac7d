//! What wakes a call: a deadline of this crate, or a timer of tokio.

use std::pin::{Pin, pin};
use std::task::Context;

use tokio::task::coop::unconstrained;

use super::{Sleep, Tick, flows, sleep_until};
use crate::deadlines::{Durations, Entry};

pub(crate) enum Timer {
    Entry(Entry),
    /// Where tokio's clock is not the machine's, as in a test with paused time, or the system gives no thread.
    Sleep(Pin<Box<Sleep>>, Tick),
}

impl Timer {
    /// For this moment; `list` is that of its duration, if it has one.
    pub(crate) fn new(at: Tick, list: Option<Durations>, cx: &Context<'_>) -> Self {
        let entry = if flows() { Entry::new(at, list, cx) } else { None };
        entry.map_or_else(|| Self::Sleep(Box::pin(sleep_until(at.instant())), at), Self::Entry)
    }

    pub(crate) fn at(&self) -> Tick {
        match self {
            Self::Entry(entry) => entry.at(),
            Self::Sleep(_, at) => *at,
        }
    }

    /// Whether the moment has come; if not, the call is polled when it does. So it must, even for a body that uses up tokio's
    /// budget at every poll.
    pub(crate) fn has_come(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Entry(entry) => entry.has_come(cx),
            Self::Sleep(sleep, _) => pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready(),
        }
    }
}
