//! Wakes a call at its deadline, without a timer of tokio.
//!
//! A wheel of timers has one lock for all callers of a runtime, and most deadlines are dropped before they come. All
//! deadlines of one duration come in the order in which they began: so there is a list for each duration, in stripes by
//! thread, and whatever is in no order is in a tree. One thread of this crate sleeps until the nearest of them. A call that
//! waits is asked often whether its moment has come, and takes no lock for the answer: the thread says up to which moment it
//! has looked.
//!
//! Under tokio's paused time, and where there is no thread, tokio's own timers serve ([`Timer`](crate::time::Timer)).

mod driver;
mod due;
mod line;
mod list;

use std::task::Context;
use std::time::Duration;

use driver::Driver;
use list::List;

use crate::time::Tick;

static DRIVER: Driver = Driver::new();

/// The deadlines of one duration.
pub(crate) type Durations = &'static List;

/// The list of this duration. There is none for the sixty-fifth: its deadlines are among those of no order.
pub(crate) fn of(duration: Duration) -> Option<Durations> {
    DRIVER.list(duration)
}

/// A deadline that somebody waits for, until its drop.
pub(crate) struct Entry {
    list: &'static List,
    at: Tick,
    place: list::Place,
    wakes: Wakes,
}

/// Whom an entry wakes, by the addresses of its waker: as long as the entry keeps the waker, no other has them. They are
/// numbers, so that they can go to another thread.
type Wakes = (usize, usize);

fn wakes(cx: &Context<'_>) -> Wakes {
    let waker = cx.waker();
    (waker.data().addr(), std::ptr::from_ref(waker.vtable()).addr())
}

impl Entry {
    /// Enters a deadline. Nothing, where nobody would wake anybody.
    pub(crate) fn new(at: Tick, list: Option<Durations>, cx: &Context<'_>) -> Option<Self> {
        let (list, place) = DRIVER.enter(list, at.nanos(), cx.waker())?;
        Some(Self { list, at, place, wakes: wakes(cx) })
    }

    pub(crate) fn at(&self) -> Tick {
        self.at
    }

    /// Whether the moment has come, at a poll by this waker. If not, this one is woken from now on.
    pub(crate) fn has_come(&mut self, cx: &Context<'_>) -> bool {
        if self.at.nanos() <= DRIVER.horizon() {
            return true;
        }
        let now = wakes(cx);
        if now == self.wakes {
            return false;
        }
        self.wakes = now;
        self.list.wake_another(self.place, cx.waker())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.list.leave(self.place);
    }
}

#[cfg(test)]
mod tests;
