//! A map cut in pieces, so that two keys seldom wait for one lock. No lock is held over an await.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::key::IdempotencyKey;

pub(crate) struct Shards<T>(Box<[Mutex<T>]>);

impl<T: Default> Shards<T> {
    pub(crate) const USUAL: usize = 64;

    pub(crate) fn new(count: usize) -> Self {
        debug_assert!(count.is_power_of_two(), "{count}: keys are dealt out by their last bits");
        Self((0..count).map(|_| Mutex::default()).collect())
    }

    pub(crate) fn of(&self, key: IdempotencyKey) -> MutexGuard<'_, T> {
        // The first bytes choose the bucket within the map, so the last one chooses the shard.
        let index = usize::from(key.as_bytes()[31]) & (self.0.len() - 1);
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = MutexGuard<'_, T>> {
        self.0.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
