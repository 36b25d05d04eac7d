//! Who holds a claim. Two claims of one owner are one claim, sent twice, so an owner must be unique wherever its ledger
//! can be seen from.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use super::LedgerError;

/// An owner of a claim that other processes can see.
///
/// It comes from the system, for each claim anew: a generator of this process can be seeded by other code, and is the same
/// in a fork of it, or in two machines that were started from one snapshot.
pub(crate) fn new_owner() -> Result<u128, LedgerError> {
    let mut owner = [0; 16];
    getrandom::fill(&mut owner)
        .map_err(|error| LedgerError::unsent(format!("the system gives no randomness: {error}")))?;
    Ok(u128::from_ne_bytes(owner))
}

/// An owner of a claim in the memory of this process, where nobody else sees it: a number, which needs no question to the
/// system. Each thread counts for itself.
pub(crate) fn new_owner_in_memory() -> u128 {
    static THREADS: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static LAST: Cell<u128> = Cell::new(u128::from(THREADS.fetch_add(1, Ordering::Relaxed)) << 64);
    }
    LAST.with(|last| {
        let owner = last.get() + 1;
        last.set(owner);
        owner
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Other code may use the generator of the thread, and seed it.
    #[test]
    fn a_seed_does_not_repeat_an_owner() {
        let seeded = || {
            fastrand::seed(42);
            (new_owner().expect("randomness"), new_owner_in_memory())
        };
        let (one, two) = (seeded(), seeded());
        assert!(one.0 != two.0 && one.1 != two.1);
    }

    #[test]
    fn no_two_owners_of_a_process_are_the_same() {
        let owners = || (0..1_000).map(|_| new_owner_in_memory()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(owners)).collect();
        let all = threads.into_iter().flat_map(|thread| thread.join().expect("no panic"));
        assert_eq!(all.collect::<HashSet<_>>().len(), 8_000);
    }
}
