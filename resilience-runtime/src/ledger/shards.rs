//! A map cut in pieces, so that two keys seldom wait for one lock. No lock is held over an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(any(test, feature = "durable", feature = "postgres", feature = "redis"))]
use crate::key::IdempotencyKey;

pub(crate) struct Shards<T>(Box<[Mutex<T>]>);

impl<T: Default> Default for Shards<T> {
    fn default() -> Self {
        Self::new(Self::USUAL, |_| T::default())
    }
}

impl<T> Shards<T> {
    pub(crate) const USUAL: usize = 64;

    pub(crate) fn new(count: usize, new: impl Fn(usize) -> T) -> Self {
        debug_assert!(count.is_power_of_two(), "{count}: keys are dealt out by their last bits");
        Self((0..count).map(|number| Mutex::new(new(number))).collect())
    }

    #[cfg(any(test, feature = "durable", feature = "postgres", feature = "redis"))]
    pub(crate) fn of(&self, key: IdempotencyKey) -> MutexGuard<'_, T> {
        // The first bytes choose the bucket within the map, so the last one chooses the shard.
        self.at(key.as_bytes()[31].into())
    }

    /// The shard that the last bits name.
    pub(crate) fn at(&self, number: u64) -> MutexGuard<'_, T> {
        let last = self.0.len() as u64 - 1;
        #[expect(clippy::cast_possible_truncation, reason = "one of the shards")]
        let index = (number & last) as usize;
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.0.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
