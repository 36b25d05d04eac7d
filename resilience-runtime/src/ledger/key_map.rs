//! A map by stored keys.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::key::IdempotencyKey;

pub(crate) type KeyMap<T> = HashMap<IdempotencyKey, T, BuildHasherDefault<FirstBytes>>;

/// The keys are hashes already, and so is what stands beside one of them.
#[derive(Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}
