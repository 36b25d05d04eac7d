//! What the server has still to hear: of claims whose calls went away, and of claims whose callers never heard of them.
//!
//! It is told until it has heard, in batches, one at a time: so many calls as an outage cuts cannot burden the server that
//! comes back. A server that fails hears of one claim first, then of twice as many each time.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::store::Farewell;
use crate::backoff::Backoff;

/// Claims that are told of at a time: in one round trip, which under load is long, and in which many more are cut.
const BATCH: usize = 1024;
/// Claims that wait to be told of. Of more, those that have waited longest go untold, and end with their leases.
const MOST: usize = 65_536;
/// Between two attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

#[derive(Default)]
pub(super) struct Farewells(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Told>,
    /// A task tells.
    is_telling: bool,
    /// It has said that some go untold.
    has_warned: bool,
}

/// A farewell, and how often the server has to hear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) farewell: Farewell,
    /// The claim may still be on its way, and come to the server after it: then it is told once more.
    pub(super) twice: bool,
}

/// What a new farewell calls for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Nobody tells the server yet.
    pub(super) is_first: bool,
    /// There was no room for these.
    pub(super) lost: Vec<Told>,
    /// They are the first that go untold.
    pub(super) warns: bool,
}

impl Farewells {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, told: impl IntoIterator<Item = Told>) -> News {
        let mut state = self.state();
        state.waiting.extend(told);
        let surplus = state.waiting.len().saturating_sub(MOST);
        let lost = state.waiting.drain(..surplus).collect();
        let warns = surplus > 0 && !std::mem::replace(&mut state.has_warned, true);
        let is_first = !state.waiting.is_empty() && !std::mem::replace(&mut state.is_telling, true);
        News { is_first, lost, warns }
    }

    /// The first `most` of them. Nothing: there are none, and the task ends.
    pub(super) fn take(&self, most: usize) -> Option<Vec<Told>> {
        let mut state = self.state();
        let count = most.min(state.waiting.len());
        if count == 0 {
            (state.is_telling, state.has_warned) = (false, false);
            return None;
        }
        Some(state.waiting.drain(..count).collect())
    }

    /// The server may not have heard of these. They go to the end: one that it cannot take holds up no other. Gives those
    /// for which there is no room.
    pub(super) fn put_back(&self, mut batch: Vec<Told>) -> Vec<Told> {
        let mut state = self.state();
        let room = MOST.saturating_sub(state.waiting.len()).min(batch.len());
        let lost = batch.split_off(room);
        state.waiting.extend(batch);
        lost
    }

    /// The task that tells has ended, whatever is left.
    pub(super) fn stop(&self) {
        self.state().is_telling = false;
    }
}

/// How many the server hears of at a time, and how long it is left alone after a failure.
pub(super) struct Pace {
    batch: usize,
    pauses: Backoff,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { batch: BATCH, pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    pub(super) fn batch(&self) -> usize {
        self.batch
    }

    pub(super) fn heard(&mut self) {
        self.batch = (self.batch * 2).min(BATCH);
        self.pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    }

    pub(super) fn failed(&mut self) -> Duration {
        self.batch = 1;
        self.pauses.next(&mut fastrand::Rng::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::IdempotencyKey;

    fn told(owner: u128) -> Told {
        let key = IdempotencyKey::from_bytes([7; 32]);
        Told { farewell: Farewell::Withdraw { key, owner }, twice: false }
    }

    fn owners(batch: &[Told]) -> Vec<u128> {
        batch.iter().map(|told| told.farewell.owner()).collect()
    }

    #[test]
    fn one_task_tells_until_nothing_is_left() {
        let farewells = Farewells::default();
        assert!(farewells.push([told(1)]).is_first);
        assert!(!farewells.push([told(2), told(3)]).is_first);
        let batch = farewells.take(2).expect("three wait");
        assert_eq!(owners(&batch), [1, 2]);
        assert!(farewells.put_back(batch).is_empty());
        assert_eq!(owners(&farewells.take(8).expect("three wait")), [3, 1, 2]);
        assert_eq!(farewells.take(8), None);
        assert!(farewells.push([told(4)]).is_first, "the task has ended");
    }

    #[test]
    fn they_are_bounded_and_the_oldest_go() {
        let farewells = Farewells::default();
        let many = u128::try_from(MOST).expect("a number");
        assert!(!farewells.push((0..many).map(told)).warns);
        let news = farewells.push([told(many)]);
        assert_eq!((news.warns, owners(&news.lost)), (true, vec![0]));
        assert!(!farewells.push([told(many + 1)]).warns, "once");
        assert_eq!(owners(&farewells.take(1).expect("many wait")), [2]);
        assert_eq!(owners(&farewells.put_back(vec![told(2), told(0)])), [0]);
        let rest = farewells.take(usize::MAX).expect("many wait");
        assert_eq!((rest.len(), rest[MOST - 1].farewell.owner()), (MOST, 2));
    }

    #[test]
    fn a_server_that_comes_back_hears_of_one_first() {
        let mut pace = Pace::new();
        assert_eq!(pace.batch(), BATCH);
        assert!(pace.failed() <= FIRST_PAUSE);
        let mut batches = Vec::new();
        while pace.batch() < BATCH {
            batches.push(pace.batch());
            pace.heard();
        }
        assert_eq!(batches, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    }
}
