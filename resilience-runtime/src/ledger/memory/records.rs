//! The records of one shard: found by their name, and from then on by a number.

use std::num::NonZeroU32;
use std::ops::{Index, IndexMut};
use std::sync::Arc;

use hashbrown::HashTable;
use tokio::sync::Notify;

use super::lines::Seat;
use crate::key::{IdempotencyKey, KeptName, Name};

/// One that can be compared with the names of a call.
pub(super) type Record = crate::ledger::record::Record<KeptName>;

/// Where a record lies, for as long as it is kept.
pub(super) type Number = NonZeroU32;

/// Records lie in pieces that never move, however many there are.
const PIECE: usize = 64;

#[derive(Default)]
pub(super) struct Records {
    /// With the hash of the name. The name itself stands in the record: what is looked through stays small.
    names: HashTable<(u64, Number)>,
    /// Those that run, by key: what comes after a claim has nothing else. There are few, so this one is in the
    /// processor's cache.
    running: HashTable<(u64, Number)>,
    pieces: Vec<Box<Piece>>,
    /// Slots that have been in use.
    used: u32,
    /// Empty slots. The last one is taken first: it is still in the processor's cache.
    free: Vec<Number>,
}

type Piece = [Option<Slot>; PIECE];

pub(super) struct Slot {
    pub(super) record: Record,
    /// That of its name.
    hash: u64,
    /// Where it waits to be forgotten, if it does.
    pub(super) seat: Option<Seat>,
    /// Woken when the claim ends.
    pub(super) waiters: Option<Arc<Notify>>,
}

impl Slot {
    pub(super) fn of(record: Record, hash: u64) -> Self {
        Self { record, hash, seat: None, waiters: None }
    }

    pub(super) fn wake(&mut self) {
        if let Some(waiters) = self.waiters.take() {
            waiters.notify_waiters();
        }
    }
}

impl Records {
    /// The record of an operation of a site, whose name has this hash.
    pub(super) fn named(&self, site: &str, name: &Name<'_>, hash: u64) -> Option<Number> {
        let is_it = |&(of, number): &(u64, Number)| {
            let Record { site: own, text, .. } = &self[number].record;
            // Mostly the very same one.
            let is_of_site = std::ptr::eq(&raw const **own, site) || own == site;
            of == hash && text.is(name) && is_of_site
        };
        self.names.find(hash, is_it).map(|&(_, number)| number)
    }

    /// The record of a key. One that does not run is looked for among all: only operators ask for it, and owners who
    /// come too late.
    pub(super) fn find(&self, key: IdempotencyKey) -> Option<Number> {
        let is_it = |&(_, number): &(u64, Number)| self[number].record.key == key;
        let running = self.running.find(hash(key), is_it);
        running.or_else(|| self.names.iter().find(|&of| is_it(of))).map(|&(_, number)| number)
    }

    /// Takes in a record whose name has none.
    pub(super) fn add(&mut self, slot: Slot) -> Number {
        let number = self.free.pop().unwrap_or_else(|| self.room());
        self.names.insert_unique(slot.hash, (slot.hash, number), |&(hash, _)| hash);
        *self.slot(number) = Some(slot);
        number
    }

    pub(super) fn remove(&mut self, number: Number) {
        if self[number].record.is_running() {
            self.ends(number);
        }
        let hash = self[number].hash;
        take(&mut self.names, hash, number);
        *self.slot(number) = None;
        self.free.push(number);
    }

    /// It runs from now on.
    pub(super) fn runs(&mut self, number: Number) {
        let hash = hash(self[number].record.key);
        self.running.insert_unique(hash, (hash, number), |&(hash, _)| hash);
    }

    /// It does not run any more, if it did.
    pub(super) fn ends(&mut self, number: Number) {
        let hash = hash(self[number].record.key);
        take(&mut self.running, hash, number);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.pieces.iter().flat_map(|piece| piece.iter()).flatten()
    }

    /// Whether those found by key are those that run.
    #[cfg(test)]
    pub(super) fn is_sound(&self) -> bool {
        let running = self.iter().filter(|slot| slot.record.is_running());
        let keys: Vec<_> = running.map(|slot| slot.record.key).collect();
        let is_listed = |key: &IdempotencyKey| {
            self.running.iter().any(|&(of, number)| of == hash(*key) && self[number].record.key == *key)
        };
        self.running.len() == keys.len() && keys.iter().all(is_listed)
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

fn take(numbers: &mut HashTable<(u64, Number)>, hash: u64, number: Number) {
    if let Ok(found) = numbers.find_entry(hash, |&(_, other)| other == number) {
        found.remove();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::op::{Op, op};
    use crate::time::Tick;

    /// Names may have one hash, and a site's text may lie in two places.
    #[test]
    fn a_record_is_that_of_its_site_and_name() {
        let (op, other) = (op("one"), op("other"));
        let (request, mut records) = (op.request(1), Records::default());
        let text = KeptName::of(&request.name);
        let number = records.add(Slot::of(Record::granted(&request, text, 1, 1, Tick::now()), 7));
        let copy = String::from(request.site);
        let named = |site: &str, op: &Op, hash| records.named(site, &op.request(2).name, hash);
        assert_eq!(named(request.site, &op, 7), Some(number));
        assert_eq!(named(&copy, &op, 7), Some(number));
        assert_eq!(named("elsewhere", &op, 7), None);
        assert_eq!(named(request.site, &other, 7), None);
        assert_eq!(named(request.site, &op, 8), None);
    }
}
