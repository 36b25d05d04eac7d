//! What a call must know on its way in, in two atomics. The machine sets them after each of its steps, under its lock.

use std::num::NonZeroU64;

use super::machine::{Machine, State};
use super::sync::{AtomicU64, Ordering, cells};

pub(super) struct Gate {
    /// The generation, and in the lowest bit whether the breaker is closed.
    word: AtomicU64,
    /// While it is open: until when, in nanoseconds of the machine's time. Zero otherwise.
    until: AtomicU64,
}

const fn word(generation: u32, closed: bool) -> u64 {
    (generation as u64) << 1 | closed as u64
}

impl Gate {
    cells! {
        pub(super) fn new() -> Self {
            Self { word: AtomicU64::new(word(0, true)), until: AtomicU64::new(0) }
        }
    }

    pub(super) fn set(&self, machine: &Machine) {
        let until = machine.open_until().and_then(|until| u64::try_from(until.as_nanos()).ok());
        // Before the other: who finds the breaker open is not to find the end of an earlier time.
        self.until.store(until.unwrap_or(0), Ordering::Release);
        let closed = machine.state() == State::Closed;
        self.word.store(word(machine.generation(), closed), Ordering::Release);
    }

    /// The generation, if the breaker is closed.
    pub(super) fn closed(&self) -> Option<u32> {
        let word = self.word.load(Ordering::Acquire);
        (word & 1 == 1).then_some((word >> 1 & 0xFFFF_FFFF) as u32)
    }

    /// Whether it is still closed, in this generation.
    pub(super) fn is_closed_in(&self, generation: u32) -> bool {
        self.word.load(Ordering::Acquire) == word(generation, true)
    }

    /// Until when the machine rejects every call. A clock that is read afterwards and shows an earlier time decides as the machine
    /// would: nobody can have made it half open yet. `None`: only the machine knows.
    pub(super) fn open_until(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.until.load(Ordering::Acquire))
    }
}
