//! The places of one bulkhead, and the queue for them. While nobody waits, both are one number.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::gauges::Gauges;
use crate::time::Tick;
use crate::wait_queue::WaitQueue;

/// An offer that somebody else has seen for so long is free for whoever looks.
const GRACE: Duration = Duration::from_millis(100);
/// Who waits looks so often, in case that somebody does not come for what it was offered. Nobody is late by it else, so it
/// is long: a crowd that waits must cost nothing.
const LOOK: Duration = Duration::from_millis(500);

/// Who waits is in the queue, and counted: only under its lock does anybody join or leave. While somebody waits, no place
/// is free: one that is given back is offered to the first in the queue, and nobody who comes can overtake it.
///
/// Who has an offer takes the place at its next poll. A future that is left alone has no next poll, and must not keep the
/// place from all others: whoever looks after the [`GRACE`] takes it. The one left alone has missed its offer, and keeps its
/// ticket: polled again after all, it is in front of those who came later.
pub struct Places {
    count: AtomicU64,
    queue: Mutex<Queue>,
}

struct Queue {
    waiting: WaitQueue<Waker>,
    offers: Offers,
    /// How many have missed their offer, and were not polled since.
    missed: usize,
}

/// Those who were offered a place, and have not come for it yet: by their tickets.
struct Offers {
    /// Nobody else has seen these.
    unseen: BTreeSet<u64>,
    /// Somebody has, and up to this moment they are only for those whom they were made to. Without a clock for each offer,
    /// an offer costs none.
    seen: BTreeSet<u64>,
    until: Tick,
}

/// What `Places` counts, in one word.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Count {
    /// Places that are taken, or on offer.
    inside: u32,
    /// Those of them that are on offer.
    offered: u32,
    waiting: u32,
}

/// A bulkhead has 100 000 places at most, so these bits are enough. Its queue has as many; those who come back to it after
/// they have missed an offer count on top.
const BITS_INSIDE: u32 = 18;
const BITS_WAITING: u32 = u64::BITS - 2 * BITS_INSIDE;

const ONE_WAITING: u64 = 1;
const ONE_OFFERED: u64 = 1 << BITS_WAITING;
const ONE_INSIDE: u64 = 1 << (BITS_WAITING + BITS_INSIDE);

impl Count {
    #[allow(clippy::cast_possible_truncation, reason = "the parts of a word, none of 32 bits")]
    const fn of(word: u64) -> Self {
        let offered = (word >> BITS_WAITING) & ((1 << BITS_INSIDE) - 1);
        Self {
            inside: (word >> (BITS_WAITING + BITS_INSIDE)) as u32,
            offered: offered as u32,
            waiting: (word & (ONE_OFFERED - 1)) as u32,
        }
    }
}

/// What becomes of a call that comes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Arrival {
    Inside,
    Waits,
    Full,
}

impl Count {
    fn arrival(self, max: u32, queue: u32) -> Arrival {
        if self.inside < max && self.waiting == 0 {
            Arrival::Inside
        } else if self.waiting < queue {
            Arrival::Waits
        } else {
            Arrival::Full
        }
    }
}

/// The answer to a call that comes.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// It has a place, which it gives back by [`Places::release`].
    Inside,
    /// It waits under this ticket, and looks again at this moment.
    Waits(u64, Tick),
    /// There is neither a place nor one in the queue.
    Full,
}

impl Places {
    pub(super) const fn new() -> Self {
        let offers = Offers { unseen: BTreeSet::new(), seen: BTreeSet::new(), until: Tick::BASE };
        let queue = Queue { waiting: WaitQueue::new(), offers, missed: 0 };
        Self { count: AtomicU64::new(0), queue: Mutex::new(queue) }
    }

    /// A call comes, and is inside if it need not wait.
    pub(super) fn enter(&self, max: u32) -> bool {
        let enter = |word| (Count::of(word).arrival(max, 0) == Arrival::Inside).then_some(word + ONE_INSIDE);
        self.change(enter).is_ok()
    }

    /// The same of a call that is ready to wait. If it waits, `waker` hears when a place is offered to it.
    pub(super) fn arrive(&self, max: u32, queue: u32, now: Tick, waker: &Waker) -> Answer {
        let count = self.count();
        if count.offered == 0 && count.arrival(max, queue) == Arrival::Full {
            return Answer::Full;
        }
        let mut line = self.lock();
        if self.take_over(&mut line, now) {
            return Answer::Inside;
        }
        match self.take(max, queue) {
            Arrival::Inside => Answer::Inside,
            Arrival::Waits => Answer::Waits(line.waiting.join(waker.clone()), line.next_look(now)),
            Arrival::Full => Answer::Full,
        }
    }

    /// Who waits under this ticket looks whether there is a place for it, which is its own then. If not, it looks again at
    /// the moment that this gives, and `waker` hears of an offer before.
    pub(super) fn look(&self, ticket: u64, max: u32, now: Tick, waker: &Waker) -> Result<(), Tick> {
        let mut line = self.lock();
        if line.offers.remove(ticket) {
            self.count.fetch_sub(ONE_OFFERED, Ordering::AcqRel);
            return Ok(());
        }
        if self.take_over(&mut line, now) {
            let own = self.quit(&mut line, ticket);
            drop(line);
            drop(own);
            return Ok(());
        }
        let old = match line.waiting.get_mut(ticket) {
            Some(kept) if kept.will_wake(waker) => None,
            Some(kept) => Some(std::mem::replace(kept, waker.clone())),
            None => {
                line.missed -= 1;
                if self.take(max, u32::MAX) == Arrival::Inside {
                    return Ok(());
                }
                line.waiting.rejoin(ticket, waker.clone());
                None
            }
        };
        let again = line.next_look(now);
        drop(line);
        // The last waker of a task drops the task, which may hold a place here: never under the lock.
        drop(old);
        Err(again)
    }

    /// Gives the ticket up. `false` if a place was on offer for it: that is the caller's.
    pub(super) fn leave(&self, ticket: u64) -> bool {
        let mut line = self.lock();
        if line.offers.remove(ticket) {
            self.count.fetch_sub(ONE_OFFERED, Ordering::AcqRel);
            return false;
        }
        let waker = self.quit(&mut line, ticket);
        drop(line);
        drop(waker);
        true
    }

    /// Gives a place back: it is offered to the first who waits, or free for whoever comes.
    pub(super) fn release(&self) {
        let free = |word| (Count::of(word).waiting == 0).then(|| word - ONE_INSIDE);
        if self.change(free).is_ok() {
            return;
        }
        let mut line = self.lock();
        let Some((ticket, waker)) = line.waiting.pop_first() else {
            self.count.fetch_sub(ONE_INSIDE, Ordering::AcqRel);
            return;
        };
        line.offers.unseen.insert(ticket);
        self.count.fetch_add(ONE_OFFERED - ONE_WAITING, Ordering::AcqRel);
        drop(line);
        waker.wake();
    }

    pub(super) fn gauges(&self) -> Gauges {
        let missed = self.lock().missed;
        let Count { inside, waiting, .. } = self.count();
        Gauges { running: inside as usize, waiting: waiting as usize + missed, ..Gauges::default() }
    }

    /// Takes a place if one is free, or counts as one in the queue, who then joins or rejoins it under the same lock.
    fn take(&self, max: u32, queue: u32) -> Arrival {
        let next = |word| match Count::of(word).arrival(max, queue) {
            Arrival::Inside => Some(word + ONE_INSIDE),
            Arrival::Waits => Some(word + ONE_WAITING),
            Arrival::Full => None,
        };
        let before = self.change(next).unwrap_or_else(|word| word);
        Count::of(before).arrival(max, queue)
    }

    /// Takes a place that somebody was offered, and has not come for in time.
    fn take_over(&self, line: &mut Queue, now: Tick) -> bool {
        let is_over = line.offers.seen_until(now).is_some_and(|until| until <= now);
        let is_taken = is_over && line.offers.seen.pop_first().is_some();
        if is_taken {
            line.missed += 1;
            self.count.fetch_sub(ONE_OFFERED, Ordering::AcqRel);
        }
        is_taken
    }

    /// One without an offer is not in the queue any more.
    fn quit(&self, line: &mut Queue, ticket: u64) -> Option<Waker> {
        let waker = line.waiting.leave(ticket);
        match waker {
            Some(_) => drop(self.count.fetch_sub(ONE_WAITING, Ordering::AcqRel)),
            None => line.missed -= 1,
        }
        waker
    }

    fn count(&self) -> Count {
        Count::of(self.count.load(Ordering::Acquire))
    }

    fn change(&self, next: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// When one who waits looks again: where something is on offer, at the end of its grace.
    fn next_look(&mut self, now: Tick) -> Tick {
        self.offers.seen_until(now).unwrap_or_else(|| now.after(LOOK))
    }
}

impl Offers {
    /// Somebody looks. Up to when what it sees is on offer to others, if it sees anything.
    fn seen_until(&mut self, now: Tick) -> Option<Tick> {
        if self.seen.is_empty() && !self.unseen.is_empty() {
            std::mem::swap(&mut self.seen, &mut self.unseen);
            self.until = now.after(GRACE);
        }
        (!self.seen.is_empty()).then_some(self.until)
    }

    fn remove(&mut self, ticket: u64) -> bool {
        self.unseen.remove(&ticket) || self.seen.remove(&ticket)
    }
}

#[cfg(test)]
mod tests;
