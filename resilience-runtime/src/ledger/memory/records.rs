//! The records of one shard: found by their key, and from then on by a number.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use hashbrown::HashTable;
use tokio::sync::Notify;

use super::lines::Seat;
use crate::key::IdempotencyKey;
use crate::ledger::record::Record;

/// Where a record lies, for as long as it is kept.
pub(super) type Number = NonZeroU32;

/// Records lie in pieces that never move, however many there are.
const PIECE: usize = 64;

#[derive(Default)]
pub(super) struct Records {
    /// With the hash of the key. The key itself stands in the record: what is looked through stays small.
    numbers: HashTable<(u64, Number)>,
    pieces: Vec<Box<Piece>>,
    /// Slots that have been in use.
    used: u32,
    /// Empty slots. The last one is taken first: it is still in the processor's cache.
    free: Vec<Number>,
}

type Piece = [Option<Slot>; PIECE];

pub(super) struct Slot {
    pub(super) record: Record,
    /// Where it waits to be forgotten, if it does.
    pub(super) seat: Option<Seat>,
    /// Woken when the claim ends.
    pub(super) waiters: Option<Arc<Notify>>,
}

impl Slot {
    pub(super) fn of(record: Record) -> Self {
        Self { record, seat: None, waiters: None }
    }

    pub(super) fn wake(&mut self) {
        if let Some(waiters) = self.waiters.take() {
            waiters.notify_waiters();
        }
    }
}

impl Records {
    pub(super) fn find(&self, key: IdempotencyKey) -> Option<Number> {
        let hash = hash(key);
        let is_it = |&(of, number): &(u64, Number)| of == hash && self[number].record.key == key;
        self.numbers.find(hash, is_it).map(|&(_, number)| number)
    }

    /// Takes in a record whose key has none.
    pub(super) fn add(&mut self, record: Record) {
        let number = self.free.pop().unwrap_or_else(|| self.room());
        self.numbers.insert_unique(hash(record.key), (hash(record.key), number), |&(hash, _)| hash);
        *self.slot(number) = Some(Slot::of(record));
    }

    pub(super) fn remove(&mut self, number: Number) {
        let hash = hash(self[number].record.key);
        if let Ok(found) = self.numbers.find_entry(hash, |&(_, other)| other == number) {
            found.remove();
        }
        *self.slot(number) = None;
        self.free.push(number);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().flat_map(|piece| piece.iter()).flatten()
    }

    /// Those that are empty too.
    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.used as usize
    }

    /// One more slot.
    fn room(&mut self) -> Number {
        if self.used as usize == self.pieces.len() * PIECE {
            self.pieces.push(Box::new([const { None }; PIECE]));
        }
        self.used = self.used.checked_add(1).expect("memory ends before the numbers do");
        Number::MIN.saturating_add(self.used - 1)
    }

    /// What lies there, if anything does.
    pub(super) fn get(&self, number: Number) -> Option<&Slot> {
        let (piece, place) = place(number);
        self.pieces[piece][place].as_ref()
    }

    fn slot(&mut self, number: Number) -> &mut Option<Slot> {
        let (piece, place) = place(number);
        &mut self.pieces[piece][place]
    }
}

/// Keys are hashes already.
fn hash(key: IdempotencyKey) -> u64 {
    key.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

/// The piece of a slot, and its place in there.
fn place(number: Number) -> (usize, usize) {
    let index = number.get() as usize - 1;
    (index / PIECE, index % PIECE)
}

impl Index<Number> for Records {
    type Output = Slot;

    fn index(&self, number: Number) -> &Slot {
        self.get(number).expect("only what is kept has a number")
    }
}

impl IndexMut<Number> for Records {
    fn index_mut(&mut self, number: Number) -> &mut Slot {
        self.slot(number).as_mut().expect("only what is kept has a number")
    }
}
