//! The number of a thread, by which state that all threads write to is striped.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// That of this thread: its rest by the number of stripes is its stripe. Threads are counted from the first that asks, so that
/// a few of them do not share a stripe while others are free.
pub(crate) fn of_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // It has no destructor, and is there also while the thread ends.
        static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    NUMBER.with(|number| {
        if number.get() == usize::MAX {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}
