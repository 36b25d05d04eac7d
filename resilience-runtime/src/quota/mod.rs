//! Where the limits of a fleet are counted, and the trait for a store of your own.
//!
//! A `#[rate_limit(fleet)]` draws permits from the store of the runtime's backend, a few at a time. One of your own
//! implements [`Quotas`], and goes to [`Builder::quotas`](crate::Builder::quotas).

pub(crate) mod memory;
#[cfg(all(test, feature = "postgres", feature = "redis"))]
mod tests;

use std::time::Duration;

use crate::ledger::Reply;
use crate::rate_limit::Rate;

/// A store that counts limits.
///
/// A limit is a bucket of `burst` permits, full at first, into which one permit comes back every `interval`. It can be
/// forgotten once it is full. Only the clock of the store counts, and a draw is one step: of two that meet, the second
/// sees what the first has left.
///
/// The future may be dropped before it is ready. Permits of a draw whose answer nobody hears are lost, and a store need do
/// nothing about it; it must not give them to somebody else. An `Err` means that nobody knows whether the draw happened:
/// it counts as the beginning of an outage, and the store is left alone for a moment.
pub trait Quotas: Send + Sync {
    /// Takes up to `wanted` permits out of a limit, or none where there are fewer than `least`.
    fn draw(&self, draw: Draw) -> Reply<'_, Drawn>;
}

/// Permits that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The limit: a hash over its name, and its key.
    pub limit: [u8; 32],
    /// The time in which one permit comes back: a microsecond or more, rounded up to a nanosecond.
    pub interval: Duration,
    /// Permits that the limit holds. They come back within a year.
    pub burst: u32,
    /// Fewer are of no use; 1 to `burst`.
    pub least: u32,
    /// More are not wanted; `least` to `burst`.
    pub wanted: u32,
}

impl Draw {
    pub(crate) fn rate(&self) -> Rate {
        Rate { interval: u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX), burst: self.burst }
    }
}

/// The answer to a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// So many are the caller's: `least` to `wanted`.
    Granted(u32),
    /// There are not enough. The time until there are `least`, if nobody else takes any.
    NoneFor(Duration),
}
