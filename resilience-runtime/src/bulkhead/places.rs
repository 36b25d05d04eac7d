//! The places of one bulkhead, and the queue for them. While nobody waits, both are one number.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::gauges::Gauges;

/// Who waits is in the queue, and counted: only under its lock does anybody join or leave. While somebody waits, all
/// places are taken, and one that is given back goes from hand to hand: nobody who comes can overtake.
pub struct Places {
    count: AtomicU64,
    queue: Mutex<Queue>,
}

/// Those who wait, in the order in which they came.
struct Queue {
    waiting: VecDeque<Waiting>,
    next: u64,
}

struct Waiting {
    ticket: u64,
    waker: Waker,
}

/// What `Places` counts, in one word.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Count {
    inside: u32,
    waiting: u32,
}

const ONE_INSIDE: u64 = 1 << 32;
const ONE_WAITING: u64 = 1;

impl Count {
    #[allow(clippy::cast_possible_truncation, reason = "the halves of a word")]
    const fn of(word: u64) -> Self {
        Self { inside: (word >> 32) as u32, waiting: word as u32 }
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
    /// It waits under this ticket.
    Waits(u64),
    /// There is neither a place nor one in the queue.
    Full,
}

impl Places {
    pub(super) const fn new() -> Self {
        let queue = Queue { waiting: VecDeque::new(), next: 0 };
        Self { count: AtomicU64::new(0), queue: Mutex::new(queue) }
    }

    /// A call comes. If it waits, `waker` hears when its place has come.
    pub(super) fn arrive(&self, max: u32, queue: u32, waker: &Waker) -> Answer {
        let enter =
            |word| (Count::of(word).arrival(max, queue) == Arrival::Inside).then_some(word + ONE_INSIDE);
        match self.change(enter) {
            Ok(_) => return Answer::Inside,
            Err(word) if Count::of(word).arrival(max, queue) == Arrival::Full => return Answer::Full,
            Err(_) => {}
        }
        let mut line = self.lock();
        let join = |word| match Count::of(word).arrival(max, queue) {
            Arrival::Inside => Some(word + ONE_INSIDE),
            Arrival::Waits => Some(word + ONE_WAITING),
            Arrival::Full => None,
        };
        match self.change(join).map(|word| Count::of(word).arrival(max, queue)) {
            Ok(Arrival::Inside) => Answer::Inside,
            Ok(_) => Answer::Waits(line.join(waker.clone())),
            Err(_) => Answer::Full,
        }
    }

    /// Whether the place has come for who waits under this ticket. If not, `waker` hears of it.
    pub(super) fn has_come(&self, ticket: u64, waker: &Waker) -> bool {
        let mut line = self.lock();
        let Some(at) = line.position(ticket) else { return true };
        let kept = &mut line.waiting[at].waker;
        let old = (!kept.will_wake(waker)).then(|| std::mem::replace(kept, waker.clone()));
        drop(line);
        // The last waker of a task drops the task, which may hold a place here: never under the lock.
        drop(old);
        false
    }

    /// Gives the ticket up. `false` if the place had come already: it is the caller's.
    pub(super) fn leave(&self, ticket: u64) -> bool {
        let mut line = self.lock();
        let left = line.position(ticket).and_then(|at| line.waiting.remove(at));
        if left.is_some() {
            self.count.fetch_sub(ONE_WAITING, Ordering::AcqRel);
        }
        drop(line);
        left.is_some()
    }

    /// Gives a place back: to the first who waits, or to whoever comes.
    pub(super) fn release(&self) {
        let free = |word| (Count::of(word).waiting == 0).then(|| word - ONE_INSIDE);
        if self.change(free).is_ok() {
            return;
        }
        let mut line = self.lock();
        let first = line.waiting.pop_front();
        let what = if first.is_some() { ONE_WAITING } else { ONE_INSIDE };
        self.count.fetch_sub(what, Ordering::AcqRel);
        drop(line);
        if let Some(first) = first {
            first.waker.wake();
        }
    }

    pub(super) fn gauges(&self) -> Gauges {
        let Count { inside, waiting } = Count::of(self.count.load(Ordering::Acquire));
        Gauges { running: inside as usize, waiting: waiting as usize, ..Gauges::default() }
    }

    fn change(&self, next: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn join(&mut self, waker: Waker) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.waiting.push_back(Waiting { ticket, waker });
        ticket
    }

    fn position(&self, ticket: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: &Waker = Waker::noop();

    fn count(places: &Places) -> (u32, u32) {
        let Count { inside, waiting } = Count::of(places.count.load(Ordering::SeqCst));
        assert_eq!(waiting as usize, places.lock().waiting.len());
        (inside, waiting)
    }

    #[test]
    fn the_table() {
        for (inside, waiting, max, queue, arrival) in [
            (0, 0, 1, 0, Arrival::Inside),
            (1, 0, 1, 0, Arrival::Full),
            (1, 0, 1, 1, Arrival::Waits),
            (1, 1, 1, 1, Arrival::Full),
            // A place is free for a moment, and somebody waits for it.
            (0, 1, 1, 2, Arrival::Waits),
        ] {
            let now = Count { inside, waiting };
            assert_eq!(now.arrival(max, queue), arrival, "{now:?} of {max} and {queue}");
        }
    }

    #[test]
    fn a_place_goes_from_hand_to_hand() {
        let places = Places::new();
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Inside);
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Waits(0));
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Waits(1));
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Full);
        places.release();
        assert_eq!(count(&places), (1, 1));
        assert!(places.has_come(0, NOBODY) && !places.has_come(1, NOBODY));
        assert!(!places.leave(0), "the place is its own, and it has to give it back");
        places.release();
        assert!(places.has_come(1, NOBODY));
        places.release();
        assert_eq!(count(&places), (0, 0));
    }

    #[test]
    fn one_who_leaves_makes_room_in_the_queue() {
        let places = Places::new();
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Inside);
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Waits(0));
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Waits(1));
        assert!(places.leave(0));
        assert_eq!(places.arrive(1, 2, NOBODY), Answer::Waits(2));
        places.release();
        assert!(places.has_come(1, NOBODY) && !places.has_come(2, NOBODY));
        assert!(places.leave(2));
        places.release();
        assert_eq!(count(&places), (0, 0));
    }

    /// Threads that come, wait, leave and release without an order: never too many inside, none lost.
    #[test]
    fn under_threads() {
        const MAX: u32 = 3;
        let places = Places::new();
        let (inside, entered) = (AtomicU64::new(0), AtomicU64::new(0));
        let work = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..20_000 {
                let in_hand = match places.arrive(MAX, 4, NOBODY) {
                    Answer::Inside => true,
                    Answer::Full => false,
                    Answer::Waits(ticket) => loop {
                        if random.u8(..) < 32 {
                            break !places.leave(ticket);
                        }
                        if places.has_come(ticket, NOBODY) {
                            break true;
                        }
                        std::thread::yield_now();
                    },
                };
                if in_hand {
                    entered.fetch_add(1, Ordering::SeqCst);
                    assert!(inside.fetch_add(1, Ordering::SeqCst) < u64::from(MAX));
                    if random.bool() {
                        std::thread::yield_now();
                    }
                    inside.fetch_sub(1, Ordering::SeqCst);
                    places.release();
                }
            }
        };
        std::thread::scope(|scope| {
            for seed in 0..8 {
                scope.spawn(move || work(seed));
            }
        });
        assert_eq!(count(&places), (0, 0));
        assert!(entered.into_inner() > 1_000);
    }
}
