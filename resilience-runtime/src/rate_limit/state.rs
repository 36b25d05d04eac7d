//! The state of a limit that is counted here: its arrival time, and the line of those who wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::gcra::{Passage, Rate};
use crate::gauges::Gauges;
use crate::time::Tick;
use crate::wait_queue::WaitQueue;

/// Whoever waits has moved the arrival time on already: nobody who comes can overtake. The line is only there to give
/// the permits of one who leaves to those behind.
pub(super) struct State {
    /// In nanoseconds, as a [`Tick`]. Zero is long ago.
    arrival: AtomicU64,
    line: Mutex<Line>,
}

/// Those who wait, in the order in which they came.
struct Line {
    waiting: WaitQueue<Waiting>,
    /// The arrival time that the last of them left behind. Another one stands there only once all of them are due.
    arrival: u64,
    /// The latest time that anybody brought along: one who had to wait for the lock brings an older one.
    latest: u64,
}

struct Waiting {
    passage: Passage,
    /// What it has moved the arrival time on by.
    cost: u64,
    waker: Waker,
}

/// The answer to a call that is ready to wait.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Passes,
    /// It waits under this ticket, up to this moment if nobody in front of it leaves.
    Waits(u64, Tick),
    /// It would have to wait up to this moment, which is too long.
    TooLong(Tick),
}

impl State {
    /// All permits are there.
    pub(super) const fn new() -> Self {
        let line = Line { waiting: WaitQueue::new(), arrival: 0, latest: 0 };
        Self { arrival: AtomicU64::new(0), line: Mutex::new(line) }
    }

    /// A call comes, and passes at once; or it hears when it could pass if nobody else came. The weight is at most the
    /// burst.
    pub(super) fn pass(&self, rate: Rate, weight: u32, now: Tick) -> Result<(), Tick> {
        let passage = |arrival| Passage::of(rate, weight, arrival, now);
        let next = |arrival| Some(passage(arrival)).filter(|it| it.is_due(now)).map(|it| it.arrival);
        match self.change(next) {
            Ok(_) => Ok(()),
            Err(arrival) => Err(Tick::of(passage(arrival).at)),
        }
    }

    /// The same of a call that waits for its moment if `may_wait` says so. `waker` hears if it comes earlier.
    pub(super) fn join(
        &self,
        rate: Rate,
        weight: u32,
        now: Tick,
        may_wait: impl Fn(Tick) -> bool,
        waker: &Waker,
    ) -> Answer {
        let mut line = self.lock();
        line.latest = line.latest.max(now.nanos());
        let passage = |arrival| Passage::of(rate, weight, arrival, now);
        let fits = |it: &Passage| it.is_due(now) || may_wait(Tick::of(it.at));
        let next = |arrival| Some(passage(arrival)).filter(fits).map(|it| it.arrival);
        match self.change(next).map(passage) {
            Err(arrival) => Answer::TooLong(Tick::of(passage(arrival).at)),
            Ok(passage) if passage.is_due(now) => Answer::Passes,
            Ok(passage) => {
                let cost = rate.time_of(weight);
                Answer::Waits(line.join(passage, cost, waker.clone()), Tick::of(passage.at))
            }
        }
    }

    /// When the one with this ticket passes. If that moves forward, `waker` hears of it.
    pub(super) fn moment(&self, ticket: u64, waker: &Waker) -> Tick {
        let mut line = self.lock();
        let Some(waiting) = line.waiting.get_mut(ticket) else { return Tick::of(0) };
        let moment = Tick::of(waiting.passage.at);
        let old =
            (!waiting.waker.will_wake(waker)).then(|| std::mem::replace(&mut waiting.waker, waker.clone()));
        drop(line);
        drop(old);
        moment
    }

    /// The one with this ticket passes.
    pub(super) fn spend(&self, ticket: u64, now: Tick) {
        let mut line = self.lock();
        let gone = line.leave(ticket, now);
        part(line, ticket, gone);
    }

    /// The one with this ticket leaves, and all behind it move forward. What has come back since its moment was there
    /// for others, and is not given a second time.
    pub(super) fn give_back(&self, ticket: u64, now: Tick) {
        let mut line = self.lock();
        let gone = line.leave(ticket, now);
        if let Some(gone) = &gone {
            let back = gone.cost.min(gone.passage.arrival.saturating_sub(line.latest));
            let (before, without) = (line.arrival, line.arrival - back);
            if self.arrival.compare_exchange(before, without, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                line.arrival = without;
                line.waiting.behind(ticket).for_each(|behind| behind.passage.move_forward(back));
            }
        }
        part(line, ticket, gone);
    }

    /// Whether all permits are there, as at the beginning.
    pub(super) fn is_full(&self, now: Tick) -> bool {
        self.arrival.load(Ordering::Acquire) <= now.nanos()
    }

    pub(super) fn gauges(&self) -> Gauges {
        Gauges { waiting: self.lock().waiting.len(), ..Gauges::default() }
    }

    fn change(&self, next: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.arrival.fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the one behind hear that its moment may have come forward. Those further back pass later, and hear from it. A
/// waker is a task's, which may wait here when it is dropped: never under the lock.
fn part(mut line: MutexGuard<'_, Line>, ticket: u64, gone: Option<Waiting>) {
    let Some(gone) = gone else { return };
    let next = line.waiting.behind(ticket).next().map(|behind| behind.waker.clone());
    drop(line);
    drop(gone);
    if let Some(next) = next {
        next.wake();
    }
}

impl Line {
    fn join(&mut self, passage: Passage, cost: u64, waker: Waker) -> u64 {
        self.arrival = passage.arrival;
        self.waiting.join(Waiting { passage, cost, waker })
    }

    /// The one with this ticket leaves.
    fn leave(&mut self, ticket: u64, now: Tick) -> Option<Waiting> {
        self.latest = self.latest.max(now.nanos());
        self.waiting.leave(ticket)
    }
}

#[cfg(test)]
mod tests;
