//! Deadlines: moments, or spans from a start that nobody has needed to know yet.

use std::time::Duration;

use super::Context;
use crate::deadlines::Durations;
use crate::time::Tick;

/// A limit in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) at: Tick,
    /// It counts from the start of the call, which nobody has needed to know yet.
    pub(crate) from_start: bool,
    /// A timeout further out cuts the call there, so nobody further in needs an alarm for it.
    pub(crate) is_watched: bool,
}

/// When a call is to be polled again.
#[derive(Clone, Copy)]
pub(crate) struct Alarm {
    pub(crate) at: Tick,
    /// Where it is the time of a timeout, from a start.
    pub(crate) list: Option<Durations>,
}

impl Limit {
    /// The same, with somebody to watch it.
    pub(crate) fn watched(self) -> Self {
        Self { is_watched: true, ..self }
    }
}

impl Context {
    /// The moment of a limit.
    pub(crate) fn resolve(&mut self, limit: Limit) -> Tick {
        if !limit.from_start {
            return limit.at;
        }
        self.start.get_or_insert_with(Tick::now).after(limit.at.since(Tick::BASE))
    }

    /// Sets the deadline, unless there is a nearer one. The limit before is returned.
    pub(super) fn narrow(&mut self, at: Tick) -> Option<Limit> {
        match self.deadline() {
            Some(nearer) if nearer <= at => self.limit,
            _ => self.limit.replace(Limit { at, from_start: false, is_watched: false }),
        }
    }

    /// Which of two limits comes first; of equal ones, the first.
    pub(crate) fn comes_first(&mut self, one: Limit, two: Limit) -> bool {
        if one.from_start && two.from_start {
            one.at <= two.at
        } else {
            self.resolve(one) <= self.resolve(two)
        }
    }

    pub(crate) fn deadline(&mut self) -> Option<Tick> {
        self.limit.map(|limit| self.resolve(limit))
    }

    /// The deadline, unless a timeout further out cuts the call there.
    pub(crate) fn unwatched_deadline(&mut self) -> Option<Tick> {
        self.limit.filter(|limit| !limit.is_watched).map(|limit| self.resolve(limit))
    }

    /// The limit of something that begins now, and that is watched. At the start of a call it needs no clock.
    #[inline]
    pub(crate) fn limit_in(&self, time: Duration) -> Limit {
        let from_start = self.start.is_none();
        let from = if from_start { Tick::BASE } else { Tick::now() };
        Limit { at: from.after(time), from_start, is_watched: true }
    }

    /// Whether a limit has passed.
    pub(crate) fn is_over(&mut self, limit: Limit) -> bool {
        self.resolve(limit) <= Tick::now()
    }

    /// Whether the moment has come; if not, the call is polled again when it does.
    pub(crate) fn reached(&mut self, at: Tick) -> bool {
        self.reached_in(at, None)
    }

    /// The same for a moment of this list.
    pub(crate) fn reached_in(&mut self, at: Tick, list: Option<Durations>) -> bool {
        if self.rang && Tick::now() >= at {
            return true;
        }
        self.set_alarm(Alarm { at, list });
        false
    }

    /// The call is polled again at this moment; at once, if it has come meanwhile.
    pub(crate) fn poll_again(&mut self, at: Tick) {
        self.set_alarm(Alarm { at, list: None });
    }

    fn set_alarm(&mut self, alarm: Alarm) {
        let is_nearer = |other: &Alarm| other.at < alarm.at || other.at == alarm.at && other.list.is_some();
        self.alarm = Some(self.alarm.filter(is_nearer).unwrap_or(alarm));
    }
}
