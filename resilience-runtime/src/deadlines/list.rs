//! The deadlines of one duration, or those of no order, in stripes by thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::due::{Due, NEVER};
use super::line::Line;
use crate::stripe;

const STRIPES: usize = 16;
/// How many wakers are taken out of a stripe at a time.
const AT_ONCE: usize = 32;

pub(crate) struct List {
    /// The duration; zero for deadlines of no order.
    time: u64,
    /// When the driver must look, at the latest.
    pub(super) due: Due,
    stripes: [Stripe; STRIPES],
}

/// Apart from each other, so that two threads do not share a line of the cache.
#[repr(align(128))]
struct Stripe(Mutex<Line>);

/// Where an entry is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    stripe: u32,
    index: u32,
}

impl List {
    pub(super) const fn new(time: u64) -> Self {
        Self { time, due: Due::new(), stripes: [const { Stripe(Mutex::new(Line::new())) }; STRIPES] }
    }

    pub(super) fn time(&self) -> u64 {
        self.time
    }

    /// Takes a deadline in. `Err`, where it is so far out of order that only the tree takes it.
    pub(super) fn enter(&self, at: u64, waker: &Waker) -> Result<Place, ()> {
        let (stripe, waker) = (stripe::of_thread() % STRIPES, waker.clone());
        let mut line = lock(&self.stripes[stripe].0);
        let joined = if self.time == 0 { Ok(line.plant(at, waker)) } else { line.join(at, waker) };
        drop(line);
        // A waker that was refused is dropped here, without the lock.
        let index = joined.map_err(drop)?;
        #[allow(clippy::cast_possible_truncation)] // sixteen
        Ok(Place { stripe: stripe as u32, index })
    }

    pub(super) fn leave(&self, place: Place) {
        let rest = self.line(place).leave(place.index);
        drop(rest);
    }

    /// Whether it was woken already.
    pub(super) fn wake_another(&self, place: Place, waker: &Waker) -> bool {
        let waker = waker.clone();
        let (was_woken, rest) = self.line(place).wake_another(place.index, waker);
        drop(rest);
        was_woken
    }

    /// Wakes whoever is due, and says when to look again. The driver's.
    pub(super) fn look(&self, now: u64, wakers: &mut Vec<Waker>) {
        self.due.forget();
        let mut next = NEVER;
        for Stripe(stripe) in &self.stripes {
            loop {
                let mut line = lock(stripe);
                let may_be_more = line.due(now, AT_ONCE, wakers);
                if !may_be_more {
                    // A list that is empty for a moment is looked at once more: otherwise the next call had to wake the
                    // driver, each time.
                    let used = std::mem::take(&mut line.used);
                    let idle = if used && self.time > 0 { now.saturating_add(self.time) } else { NEVER };
                    next = next.min(line.first().unwrap_or(idle));
                }
                drop(line);
                wakers.drain(..).for_each(wake);
                if !may_be_more {
                    break;
                }
            }
        }
        self.due.found(next);
    }

    fn line(&self, place: Place) -> MutexGuard<'_, Line> {
        lock(&self.stripes[place.stripe as usize].0)
    }
}

/// A waker is foreign code. One that panics must not end the only driver.
fn wake(waker: Waker) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
        // Its drop could panic as well.
        std::mem::forget(panic);
    }
}

fn lock(line: &Mutex<Line>) -> MutexGuard<'_, Line> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}
