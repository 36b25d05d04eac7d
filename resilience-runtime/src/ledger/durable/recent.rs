//! Records that were written of late. The store has them, and would have to be read for what is known here.

use std::collections::VecDeque;

use crate::key::IdempotencyKey;
use crate::ledger::key_map::KeyMap;
use crate::ledger::record::Record;

/// Bytes of one part of the table: 32 MiB in all, as much as the store may keep of its files in memory.
const MOST_BYTES: usize = 512 * 1024;

/// The last ones, in the order in which they were written.
#[derive(Default)]
pub(super) struct Recent {
    records: KeyMap<(u64, Box<Record>)>,
    /// Also of those that have gone since.
    order: VecDeque<(u64, IdempotencyKey)>,
    next: u64,
    bytes: usize,
}

impl Recent {
    pub(super) fn get(&self, key: IdempotencyKey) -> Option<&Record> {
        self.records.get(&key).map(|(_, record)| &**record)
    }

    /// A record as it was written, of a key that has none here.
    pub(super) fn keep(&mut self, key: IdempotencyKey, record: Box<Record>) {
        self.bytes += record.size();
        self.records.insert(key, (self.next, record));
        self.order.push_back((self.next, key));
        self.next += 1;
        // A key that comes again and again leaves its earlier places behind.
        if self.order.len() > 2 * self.records.len() + 64 {
            let Self { records, order, .. } = self;
            order.retain(|(number, key)| records.get(key).is_some_and(|(other, _)| other == number));
        }
        while self.bytes > MOST_BYTES
            && let Some((number, key)) = self.order.pop_front()
        {
            if self.records.get(&key).is_some_and(|(other, _)| *other == number) {
                self.take(key);
            }
        }
    }

    /// The record changes from here on, and is known where it does.
    pub(super) fn take(&mut self, key: IdempotencyKey) -> Option<Box<Record>> {
        let (_, record) = self.records.remove(&key)?;
        self.bytes -= record.size();
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::record::State;
    use crate::ledger::{Body, Stored};
    use crate::testing::op::op;
    use crate::time::Tick;

    fn record(name: &str, length: usize) -> Box<Record> {
        let op = op(name);
        let record = Record::granted(&op.request(1), String::new(), 1, 1, Tick::BASE);
        let body = Body::Value("x".repeat(length).into());
        Box::new(Record { state: State::Done(Stored { version: 3, body }), ..record })
    }

    #[test]
    fn a_key_that_comes_again_and_again_takes_no_more_room() {
        let mut recent = Recent::default();
        recent.keep(op("other").key, record("other", 10));
        for _ in 0..10_000 {
            let again = recent.take(op("again").key).unwrap_or_else(|| record("again", 10));
            recent.keep(again.key, again);
            assert!(recent.order.len() <= 100);
        }
        assert!(recent.get(op("other").key).is_some() && recent.records.len() == 2);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room() {
        let mut recent = Recent::default();
        let keys: Vec<_> = (0..100).map(|number| record(&format!("{number}"), 10_000)).collect();
        for kept in keys {
            recent.keep(kept.key, kept);
        }
        assert!(recent.bytes <= MOST_BYTES && recent.bytes > MOST_BYTES - 11_000, "{}", recent.bytes);
        assert!(recent.get(op("99").key).is_some() && recent.get(op("0").key).is_none());
        assert_eq!(recent.records.len(), recent.order.len());
        // One that has changed since is the youngest, and does not go in the place of what it was.
        let changed = recent.take(op("60").key).expect("it is here");
        recent.keep(changed.key, changed);
        for number in 100..130 {
            let kept = record(&format!("{number}"), 10_000);
            recent.keep(kept.key, kept);
        }
        assert!(recent.get(op("60").key).is_some() && recent.get(op("61").key).is_none());
        while let Some((_, key)) = recent.order.pop_front() {
            recent.take(key);
        }
        assert_eq!((recent.bytes, recent.records.len()), (0, 0));
    }
}
