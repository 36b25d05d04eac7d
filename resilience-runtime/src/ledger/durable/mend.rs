//! The end of the store's journal, where the power may have failed in the middle of a write.
//!
//! The store takes the first thing that it cannot read for the end, even where what follows was synced, and it refuses
//! a last write whose end reached the disk before its middle. So the journal is looked at first: a last write in pieces
//! is cut off, since nobody was told of it, and damage before whole writes is an error, also in an older journal that the
//! store still needs.
//!
//! ```text
//! write     start item* end
//! start     1, items: u32, number: u64
//! item      2, kind: u8, compression: u8, keyspace: u64, key: u16, value: u32, stored value: u32, and both (fjall 3)
//!           4, keyspace: u64
//! end       3, xxh3 of the items: u64, "FJL" 3
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use crate::ledger::LedgerError;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
/// Behind the end of a write, and all that the store's file `version` holds.
const MAGIC: &[u8] = b"FJL\x03";

/// A journal has its size from the start. So many zeros are no write that was lost.
const STEP: usize = 1 << 20;

/// Cuts off what is left of a last write that was interrupted.
pub(super) fn mend(records: &Path) -> Result<(), LedgerError> {
    let unreadable = |error: io::Error| LedgerError::new(format!("its journal cannot be read: {error}"));
    // Of another version the store itself says that it does not read it.
    if fs::read(records.join("version")).map_err(unreadable)? != MAGIC {
        return Ok(());
    }
    let mut journals = journals(records).map_err(unreadable)?;
    let newest = journals.pop_last();
    // Each was synced before the next began.
    for journal in journals.values() {
        match whole_writes(&content(journal).map_err(unreadable)?) {
            Found::Whole => {}
            Found::Torn { at } | Found::Damaged { at } => return Err(damaged(at)),
        }
    }
    let Some((_, newest)) = newest else { return Ok(()) };
    match whole_writes(&content(&newest).map_err(unreadable)?) {
        Found::Whole => Ok(()),
        Found::Torn { at } => {
            let file = OpenOptions::new().write(true).open(&newest).map_err(unreadable)?;
            file.set_len(at as u64).and_then(|()| file.sync_all()).map_err(unreadable)
        }
        Found::Damaged { at } => Err(damaged(at)),
    }
}

fn damaged(at: usize) -> LedgerError {
    LedgerError::new(format!(
        "its journal is damaged at byte {at}, and whole writes follow: bring the folder back from a copy"
    ))
}

/// By their number.
fn journals(records: &Path) -> io::Result<BTreeMap<u64, PathBuf>> {
    let mut journals = BTreeMap::new();
    for entry in fs::read_dir(records)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let (Some(number), true) = (number, path.extension().is_some_and(|end| end == "jnl")) {
            journals.insert(number, path);
        }
    }
    Ok(journals)
}

fn content(journal: &Path) -> io::Result<Vec<u8>> {
    let (mut file, mut bytes) = (File::open(journal)?, Vec::new());
    loop {
        let before = bytes.len();
        file.by_ref().take(STEP as u64).read_to_end(&mut bytes)?;
        if bytes[before..].iter().all(|byte| *byte == 0) {
            bytes.truncate(before);
            return Ok(bytes);
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Found {
    Whole,
    /// Nothing whole follows.
    Torn {
        at: usize,
    },
    Damaged {
        at: usize,
    },
}

fn whole_writes(bytes: &[u8]) -> Found {
    let mut at = 0;
    while let Some(length) = write(&bytes[at..]) {
        at += length;
    }
    let rest = &bytes[at..];
    if rest.iter().all(|byte| *byte == 0) {
        Found::Whole
    } else if (1..rest.len()).any(|later| write(&rest[later..]).is_some()) {
        Found::Damaged { at }
    } else {
        Found::Torn { at }
    }
}

/// The length of the whole write that begins here.
fn write(bytes: &[u8]) -> Option<usize> {
    let mut rest = Rest(bytes);
    rest.tag(START)?;
    let items = u32::from_le_bytes(rest.take()?);
    let _number: [u8; 8] = rest.take()?;
    let first = rest.0;
    for _ in 0..items {
        rest.item()?;
    }
    let length = first.len() - rest.0.len();
    rest.tag(END)?;
    let sum = u64::from_le_bytes(rest.take()?);
    let magic: [u8; 4] = rest.take()?;
    (magic == MAGIC && sum == xxh3_64(&first[..length])).then(|| bytes.len() - rest.0.len())
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn skip(&mut self, length: usize) -> Option<()> {
        self.0 = self.0.get(length..)?;
        Some(())
    }

    fn tag(&mut self, tag: u8) -> Option<()> {
        let [found] = self.take()?;
        (found == tag).then_some(())
    }

    fn item(&mut self) -> Option<()> {
        match self.take()? {
            [ITEM] => {
                let _kind_compression_keyspace: [u8; 10] = self.take()?;
                let key = u16::from_le_bytes(self.take()?);
                let _value: [u8; 4] = self.take()?;
                let stored = u32::from_le_bytes(self.take()?);
                self.skip(usize::from(key))?;
                self.skip(usize::try_from(stored).ok()?)
            }
            [CLEAR] => self.skip(8),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use fjall::{Database, KeyspaceCreateOptions, PersistMode};

    use super::*;

    /// What the store wrote, in writes of one and of two items.
    fn journal() -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        {
            let database = Database::builder(folder.path()).open().expect("it opens");
            let keyspace = database.keyspace("some", KeyspaceCreateOptions::default).expect("a keyspace");
            for number in 0..4_u8 {
                let mut batch = database.batch();
                batch.insert(&keyspace, [number; 32], [number; 300]);
                if number % 2 == 0 {
                    batch.remove(&keyspace, [9]);
                }
                batch.commit().expect("written");
            }
            database.persist(PersistMode::SyncData).expect("synced");
        }
        let (_, journal) = journals(folder.path()).expect("readable").pop_last().expect("a journal");
        mend(folder.path()).expect("it is whole");
        let mut bytes = content(&journal).expect("readable");
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("written") + 1;
        bytes.truncate(end);
        bytes
    }

    /// If this fails, the store has another format, and this file must learn it.
    #[test]
    fn the_format_is_the_stores() {
        let bytes = journal();
        assert_eq!(whole_writes(&bytes), Found::Whole);
        assert_eq!(whole_writes(&[&bytes[..], &[0; 100]].concat()), Found::Whole);
        assert!(bytes.len() > 4 * 300, "all of it was read: {}", bytes.len());
    }

    #[test]
    fn every_change_of_a_byte_is_found() {
        let bytes = journal();
        let last = bytes.len() - last_write(&bytes);
        let mut unnoticed = 0;
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            match whole_writes(&changed) {
                Found::Torn { at: end } => assert!(at >= last && end == last, "{at}: {end}"),
                Found::Damaged { at: end } => assert!(at < last && end <= at, "{at}: {end}"),
                Found::Whole => unnoticed += 1,
            }
            let cut = whole_writes(&bytes[..at]);
            assert!(!matches!(cut, Found::Damaged { .. }), "cut at {at}: {cut:?}");
        }
        assert!(unnoticed <= 8 * 8, "the number of a write is in no sum, and all else is: {unnoticed}");
    }

    /// Of the newest the power may have taken the end. The end of another one was on disk.
    #[test]
    fn only_the_newest_may_end_early() {
        let bytes = journal();
        let torn = &bytes[..bytes.len() - 1];
        for (older, newest, is_good) in
            [(&bytes[..], &bytes[..], true), (&bytes, torn, true), (torn, &bytes, false)]
        {
            let folder = tempfile::tempdir().expect("a folder");
            for (name, bytes) in [("version", MAGIC), ("9.jnl", older), ("10.jnl", newest)] {
                fs::write(folder.path().join(name), bytes).expect("it can be written");
            }
            assert_eq!(mend(folder.path()).is_ok(), is_good);
        }
    }

    /// The length of the last write.
    fn last_write(bytes: &[u8]) -> usize {
        let (mut at, mut last) = (0, 0);
        while let Some(length) = write(&bytes[at..]) {
            (at, last) = (at + length, length);
        }
        last
    }
}
