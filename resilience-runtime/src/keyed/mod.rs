//! `key = ...`: a state for each key, in a bounded map.

mod keys;

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::{Decision, Event, emit, reject};
use crate::gauges::{Gauged, Gauges};
use crate::key::{Encoded, KeyError};
use crate::state::Home;
use crate::{Error, Kind, Site};
use keys::Keys;

/// An engine whose state can be one for each key.
pub trait Keeps: Gauged {
    /// What it keeps.
    type State: Any + Send + Sync;

    /// As it is before the first call of this key.
    fn new_state(&self, key: &Encoded) -> Self::State;

    /// Whether a state that no call holds can be forgotten.
    fn may_go(&self, state: &Self::State) -> bool;

    /// What a state holds.
    fn gauges_of(&self, state: &Self::State) -> Gauges;

    /// Its name in events.
    fn name(&self) -> &'static str;
}

/// An engine, and the states of its keys. A key for which there is no room shares the engine's own state with all others
/// of this kind.
pub struct Keyed<E: Keeps> {
    engine: E,
    max_keys: usize,
    keys: Home<Keys<E::State>>,
    /// Calls without room for their key.
    crowded: AtomicU64,
}

impl<E: Keeps> Keyed<E> {
    /// Keeps so many keys.
    pub const fn new(engine: E, max_keys: u32) -> Self {
        Self { engine, max_keys: max_keys as usize, keys: Home::new(Keys::new()), crowded: AtomicU64::new(0) }
    }

    /// The state of a key, for as long as the call takes.
    pub fn choose(&self, site: &'static Site, key: Result<Encoded, KeyError>) -> Chosen<'_, E> {
        let keys = self.keys.in_use(Keys::new);
        let state = key.map(|key| {
            let new = || self.engine.new_state(&key);
            let found = keys.of(key.as_bytes(), self.max_keys, new, |state| self.engine.may_go(state));
            if found.is_none() {
                self.tell_of_the_crowd();
            }
            found
        });
        Chosen { engine: &self.engine, site, state }
    }

    /// At the first call, the second, the fourth and so on: a flood of keys is no flood of warnings.
    #[cold]
    fn tell_of_the_crowd(&self) {
        let calls = self.crowded.fetch_add(1, Ordering::Relaxed) + 1;
        if calls.is_power_of_two() {
            let decision = Decision::KeysFull { max: self.max_keys, calls };
            emit(&Event { site: self.engine.name(), decision });
        }
    }
}

impl<E: Keeps> Gauged for Keyed<E> {
    fn gauges(&self) -> Gauges {
        let chosen = self.keys.in_use(Keys::new).in_use();
        let held = chosen.iter().map(|state| self.engine.gauges_of(state)).sum::<Gauges>();
        held + Gauges { keys: chosen.len(), ..Gauges::default() } + self.engine.gauges()
    }
}

/// The state that a call has chosen by its key.
pub struct Chosen<'a, E: Keeps> {
    pub(crate) engine: &'a E,
    pub(crate) site: &'static Site,
    state: Result<Option<Arc<E::State>>, KeyError>,
}

impl<E: Keeps> Chosen<'_, E> {
    /// The state; `None` where there was no room for the key.
    pub(crate) fn state(&self) -> Result<Option<Arc<E::State>>, Error> {
        self.state.clone().map_err(|wrong| reject(Kind::InvalidKey, self.site).because(wrong))
    }
}
