//! A bounded map from keys to states.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// A key is known by two hashes of 64 bits, under secrets of this process: nobody outside can make two keys meet.
type Digest = u128;

/// The states of so many keys at most, in parts, so that two keys seldom wait for one lock.
pub(crate) struct Keys<S> {
    table: OnceLock<Table<S>>,
}

struct Table<S> {
    secrets: [RandomState; 2],
    parts: Box<[RwLock<Part<S>>]>,
    /// What a part has room for.
    room: usize,
}

/// A part of the map, and the hand of a clock that goes round its slots when one is wanted for another key.
struct Part<S> {
    places: HashMap<Digest, usize, BuildHasherDefault<LowHalf>>,
    slots: Vec<Slot<S>>,
    hand: usize,
}

struct Slot<S> {
    key: Digest,
    state: Arc<S>,
    /// Since the hand has passed.
    used: AtomicBool,
}

/// Fewer keys than this are not worth a part of their own.
const PART: usize = 64;
const MOST_PARTS: usize = 16;

impl<S> Keys<S> {
    pub(crate) const fn new() -> Self {
        Self { table: OnceLock::new() }
    }

    /// The state of a key; `None` if there is no room for it: none of the slots that the hand passes `may_go`, or all
    /// of them are in use.
    pub(crate) fn of(
        &self,
        key: &[u8],
        max: usize,
        new: impl FnOnce() -> S,
        may_go: impl Fn(&S) -> bool,
    ) -> Option<Arc<S>> {
        let all = self.table.get_or_init(|| Table::new(max));
        let digest = all.digest(key);
        let part = all.part(digest);
        let known = part.read().unwrap_or_else(PoisonError::into_inner).find(digest);
        known.or_else(|| {
            let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
            // Somebody else may have come first.
            if let Some(found) = part.find(digest) {
                return Some(found);
            }
            let (state, gone) = part.add(digest, all.room, new, may_go)?;
            drop(part);
            // It may be the last to hold what is not ours, such as the store of a limit: never dropped under the lock.
            drop(gone);
            Some(state)
        })
    }

    /// The states that somebody has chosen and not let go yet.
    pub(crate) fn in_use(&self) -> Vec<Arc<S>> {
        let parts = self.table.get().map_or(&[][..], |all| &all.parts);
        let in_part = |part: &RwLock<Part<S>>| {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            let chosen = part.slots.iter().filter(|slot| Arc::strong_count(&slot.state) > 1);
            chosen.map(|slot| Arc::clone(&slot.state)).collect::<Vec<_>>()
        };
        parts.iter().flat_map(in_part).collect()
    }
}

impl<S> Table<S> {
    fn new(max: usize) -> Self {
        let count = (max / PART).clamp(1, MOST_PARTS);
        let part = || Part { places: HashMap::default(), slots: Vec::new(), hand: 0 };
        Self {
            secrets: [RandomState::new(), RandomState::new()],
            parts: (0..count).map(|_| RwLock::new(part())).collect(),
            room: max / count,
        }
    }

    fn digest(&self, key: &[u8]) -> Digest {
        let [one, two] = self.secrets.each_ref().map(|secret| secret.hash_one(key));
        Digest::from(one) << 64 | Digest::from(two)
    }

    /// The low half chooses the bucket within the map of a part, so the high one chooses the part.
    fn part(&self, key: Digest) -> &RwLock<Part<S>> {
        let count = self.parts.len() as Digest;
        &self.parts[usize::try_from((key >> 64) % count).unwrap_or(0)]
    }
}

impl<S> Part<S> {
    fn find(&self, key: Digest) -> Option<Arc<S>> {
        let slot = &self.slots[*self.places.get(&key)?];
        // A write where nothing changes would take the line from all others who read it.
        if !slot.used.load(Ordering::Relaxed) {
            slot.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&slot.state))
    }

    /// The state of another key, and the one that had to go for it.
    fn add(
        &mut self,
        key: Digest,
        room: usize,
        new: impl FnOnce() -> S,
        may_go: impl Fn(&S) -> bool,
    ) -> Option<(Arc<S>, Option<Slot<S>>)> {
        let at = if self.slots.len() < room { self.slots.len() } else { self.give_up(may_go)? };
        let state = Arc::new(new());
        let slot = Slot { key, state: Arc::clone(&state), used: AtomicBool::new(true) };
        let gone = match self.slots.get_mut(at) {
            Some(old) => Some(std::mem::replace(old, slot)),
            None => {
                self.slots.push(slot);
                None
            }
        };
        if let Some(gone) = &gone {
            self.places.remove(&gone.key);
        }
        self.places.insert(key, at);
        Some((state, gone))
    }

    /// A slot whose key goes: one that was not used since the hand has passed it, and that nobody holds. The hand goes
    /// round twice at most, and past so many slots at most: a flood of keys must not make every call look at all.
    fn give_up(&mut self, may_go: impl Fn(&S) -> bool) -> Option<usize> {
        let rounds = (2 * self.slots.len()).min(2 * PART);
        (0..rounds).find_map(|_| {
            let at = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[at];
            // Nobody can choose it meanwhile: that takes the lock.
            let idle = Arc::strong_count(&slot.state) == 1 && may_go(&slot.state);
            let used = std::mem::take(slot.used.get_mut());
            (idle && !used).then_some(at)
        })
    }
}

/// The digests are hashes already.
#[derive(Default)]
struct LowHalf(u64);

impl Hasher for LowHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use proptest::prelude::*;

    use super::*;

    type Map = Keys<AtomicU32>;

    /// A state that is zero may go.
    fn of(map: &Map, key: u32, max: usize) -> Option<Arc<AtomicU32>> {
        map.of(&key.to_le_bytes(), max, AtomicU32::default, |state| state.load(Ordering::Relaxed) == 0)
    }

    fn set(map: &Map, key: u32, max: usize, value: u32) -> bool {
        of(map, key, max).map(|state| state.store(value, Ordering::Relaxed)).is_some()
    }

    #[test]
    fn a_key_keeps_its_state() {
        let map = Map::new();
        assert!(set(&map, 1, 2, 7) && set(&map, 2, 2, 8));
        let (one, two) = (of(&map, 1, 2).expect("known"), of(&map, 2, 2).expect("known"));
        assert_eq!((one.load(Ordering::Relaxed), two.load(Ordering::Relaxed)), (7, 8));
        assert_eq!(map.in_use().len(), 2);
        drop((one, two));
        assert_eq!(map.in_use().len(), 0);
    }

    #[test]
    fn what_may_not_go_stays_and_the_next_has_no_room() {
        let map = Map::new();
        assert!(set(&map, 1, 2, 7) && set(&map, 2, 2, 8));
        assert!(!set(&map, 3, 2, 9), "both are kept");
        assert!(set(&map, 1, 2, 0), "it may go from now on");
        assert!(set(&map, 3, 2, 9));
        assert!(!set(&map, 1, 2, 0));
        assert!(set(&map, 2, 2, 8));
    }

    #[test]
    fn who_holds_a_state_keeps_it() {
        let map = Map::new();
        let held = of(&map, 1, 1).expect("room");
        assert!(of(&map, 2, 1).is_none());
        drop(held);
        assert!(of(&map, 2, 1).is_some());
    }

    fn knows(map: &Map, key: u32) -> bool {
        let all = map.table.get().expect("used");
        let digest = all.digest(&key.to_le_bytes());
        all.part(digest).read().expect("no panic").places.contains_key(&digest)
    }

    #[test]
    fn the_one_not_used_lately_goes() {
        let map = Map::new();
        (0..8).for_each(|key| drop(of(&map, key, 8)));
        drop(of(&map, 100, 8)); // the hand goes round once, and takes the first
        assert!(!knows(&map, 0) && (1..8).all(|key| knows(&map, key)));
        (1..7).for_each(|key| drop(of(&map, key, 8)));
        drop(of(&map, 101, 8));
        assert!(!knows(&map, 7) && knows(&map, 100) && (1..7).all(|key| knows(&map, key)));
    }

    /// What a state holds may come back here when it is dropped.
    #[test]
    fn no_state_is_dropped_under_the_lock() {
        static MAP: Keys<Held> = Keys::new();
        static FREE: AtomicU32 = AtomicU32::new(0);

        struct Held;
        impl Drop for Held {
            fn drop(&mut self) {
                let parts = &MAP.table.get().expect("used").parts;
                FREE.fetch_add(parts.iter().all(|part| part.try_write().is_ok()).into(), Ordering::SeqCst);
            }
        }

        (0..5_u32).for_each(|key| drop(MAP.of(&key.to_le_bytes(), 1, || Held, |_| true).expect("room")));
        assert_eq!(FREE.load(Ordering::SeqCst), 4);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn it_is_bounded_and_forgets_nothing_that_matters(
            steps in prop::collection::vec((0..200_u32, 0..3_u32), 1..400),
            max in 1..150_usize,
        ) {
            let map = Map::new();
            let mut kept = std::collections::HashMap::new();
            for (key, value) in steps {
                match of(&map, key, max) {
                    Some(state) => {
                        let known = kept.get(&key).copied().unwrap_or(0);
                        prop_assert!(known == 0 || state.load(Ordering::Relaxed) == known);
                        state.store(value, Ordering::Relaxed);
                        kept.insert(key, value);
                    }
                    None => prop_assert_eq!(kept.get(&key).copied().unwrap_or(0), 0),
                }
            }
            let all = map.table.get().expect("used");
            let slots: usize = all.parts.iter().map(|part| part.read().expect("no panic").slots.len()).sum();
            prop_assert!(slots <= max);
        }
    }

    /// Threads that choose among more keys than there is room for: a state is never let go while somebody counts in it.
    #[test]
    fn under_threads() {
        let map = Map::new();
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let map = &map;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    for _ in 0..20_000 {
                        if let Some(state) = of(map, random.u32(..12), 8) {
                            state.fetch_add(1, Ordering::SeqCst);
                            assert!(state.fetch_sub(1, Ordering::SeqCst) > 0);
                        }
                    }
                });
            }
        });
        assert_eq!(map.in_use().len(), 0);
    }
}
