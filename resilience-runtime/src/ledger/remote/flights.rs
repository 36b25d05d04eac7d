//! What this process knows of running claims: its own, and those that somebody here waits for. The duplicates of one
//! process cost one look at a time, however many they are.

use std::collections::hash_map::Entry;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;

use super::FIRST_PAUSE;
use super::store::Claim;
use crate::key::IdempotencyKey;
use crate::ledger::key_map::KeyMap;
use crate::ledger::shards::Shards;
use crate::ledger::{Claimed, Hold, Request, Stored};
use crate::time::Tick;

#[derive(Default)]
pub(super) struct Flights(Shards<Known>);

type Known = KeyMap<Flight>;

/// A claim that runs, as far as is known here.
struct Flight {
    fence: u64,
    /// It is ours: nobody has to ask the server whether it runs.
    own: Option<Own>,
    /// What the server has said of late of a claim of another process.
    sighting: Option<Sighting>,
    wait: Arc<Wait>,
    waiting: usize,
    /// A task looks, for all who wait.
    is_looked_at: bool,
}

/// A claim that runs elsewhere, as the server told a caller with this fingerprint.
struct Sighting {
    fingerprint: Option<[u8; 32]>,
    at: Tick,
    left: Duration,
}

struct Own {
    owner: u128,
    fingerprint: Option<[u8; 32]>,
    until: Tick,
}

/// Those who wait for the end of one claim.
#[derive(Default)]
struct Wait {
    ended: Notify,
    result: OnceLock<Stored>,
}

/// One who waits. A claim of another process is forgotten with the last of them.
pub(super) struct Waiter<'a> {
    flights: &'a Flights,
    key: IdempotencyKey,
    wait: Arc<Wait>,
}

/// The right to look at a claim for all who wait for its end. Given up without an end, as the task that has it ends, they
/// ask for themselves.
pub(super) struct Look {
    flights: Arc<Flights>,
    pub(super) key: IdempotencyKey,
    pub(super) fence: u64,
}

impl Flights {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|flights| flights.is_empty())
    }

    /// What the server would say, where that is known here: our own claim runs, and its lease is not over; or the server
    /// has just said so of another one, for whose end somebody here waits.
    pub(super) fn answer(&self, request: &Request<'_>) -> Option<Claimed> {
        let flights = self.0.of(request.key);
        let flight = flights.get(&request.key)?;
        let (now, fence) = (Tick::now(), flight.fence);
        let Some(own) = &flight.own else {
            let seen = flight.sighting.as_ref().filter(|seen| seen.fingerprint == request.fingerprint)?;
            let left = seen.left.saturating_sub(now.since(seen.at));
            // Who waits does not look sooner either.
            return (now < seen.at.after(FIRST_PAUSE)).then_some(Claimed::Running { fence, left });
        };
        if own.owner == request.owner || own.until <= now {
            return None;
        }
        Some(if own.fingerprint == request.fingerprint {
            Claimed::Running { fence, left: own.until.since(now) }
        } else {
            Claimed::Mismatch
        })
    }

    /// The server says that a claim of another process runs, and somebody here waits for its end.
    pub(super) fn sighted(&self, claim: &Claim, fence: u64, left: Duration) {
        let mut flights = self.0.of(claim.key);
        if let Some(flight) = flights.get_mut(&claim.key).filter(|flight| flight.fence == fence) {
            flight.sighting = Some(Sighting { fingerprint: claim.fingerprint, at: Tick::now(), left });
        }
    }

    /// A claim of ours was granted, as asked for at `asked`.
    pub(super) fn begin(&self, claim: &Claim, fence: u64, asked: Tick) {
        let own = Own { owner: claim.owner, fingerprint: claim.fingerprint, until: asked.after(claim.lease) };
        let mut flights = self.0.of(claim.key);
        match flights.entry(claim.key) {
            Entry::Occupied(mut flight) if flight.get().fence == fence => flight.get_mut().own = Some(own),
            Entry::Occupied(flight) if flight.get().fence > fence => {}
            Entry::Occupied(mut flight) => {
                // Whoever waits for the claim before it looks again.
                flight.insert(Flight::of(fence, Some(own))).wait.ended.notify_waiters();
            }
            Entry::Vacant(place) => {
                place.insert(Flight::of(fence, Some(own)));
            }
        }
    }

    pub(super) fn renewed(&self, hold: Hold, asked: Tick, lease: Duration) {
        let mut flights = self.0.of(hold.key);
        if let Some(own) = flights.get_mut(&hold.key).and_then(|flight| flight.own_of(hold)) {
            own.until = asked.after(lease);
        }
    }

    /// A claim of ours has ended. Those who wait here get its result without another look.
    pub(super) fn end(&self, hold: Hold, result: Option<&Stored>) {
        let mut flights = self.0.of(hold.key);
        if flights.get_mut(&hold.key).is_some_and(|flight| flight.own_of(hold).is_some())
            && let Some(flight) = flights.remove(&hold.key)
        {
            if let Some(result) = result {
                let _ = flight.wait.result.set(result.clone());
            }
            flight.wait.ended.notify_waiters();
        }
    }

    /// A claim of ours has ended that was abandoned, or of which nobody heard.
    pub(super) fn end_of(&self, key: IdempotencyKey, owner: u128) {
        let fence = self.0.of(key).get(&key).filter(|flight| flight.is_of(owner)).map(|flight| flight.fence);
        if let Some(fence) = fence {
            self.end(Hold { key, owner, fence }, None);
        }
    }

    /// Whether a claim of this owner is known to have been granted.
    pub(super) fn has_begun(&self, key: IdempotencyKey, owner: u128) -> bool {
        self.0.of(key).get(&key).is_some_and(|flight| flight.is_of(owner))
    }

    /// Nothing: a later claim is known here, so this one has ended.
    pub(super) fn join(&self, key: IdempotencyKey, fence: u64) -> Option<Waiter<'_>> {
        let mut flights = self.0.of(key);
        let flight = flights.entry(key).or_insert_with(|| Flight::of(fence, None));
        if flight.fence > fence {
            return None;
        }
        if flight.fence < fence {
            std::mem::replace(flight, Flight::of(fence, None)).wait.ended.notify_waiters();
        }
        flight.waiting += 1;
        Some(Waiter { flights: self, key, wait: Arc::clone(&flight.wait) })
    }

    /// The right to look at a claim, for a task, if nobody has it and somebody waits.
    pub(super) fn look(self: &Arc<Self>, key: IdempotencyKey, fence: u64) -> Option<Look> {
        let mut flights = self.0.of(key);
        let flight = flights.get_mut(&key).filter(|flight| flight.fence == fence && !flight.is_looked_at)?;
        flight.is_looked_at = flight.waiting > 0;
        flight.is_looked_at.then(|| Look { flights: Arc::clone(self), key, fence })
    }

    /// The claim has ended; the server has said so to the one that looks.
    fn ended(&self, key: IdempotencyKey, fence: u64, result: Option<Stored>) {
        let mut flights = self.0.of(key);
        if let Entry::Occupied(flight) = flights.entry(key)
            && flight.get().fence == fence
        {
            let wait = flight.remove().wait;
            if let Some(result) = result {
                let _ = wait.result.set(result);
            }
            wait.ended.notify_waiters();
        }
    }
}

impl Flight {
    fn of(fence: u64, own: Option<Own>) -> Self {
        Self { fence, own, sighting: None, wait: Arc::default(), waiting: 0, is_looked_at: false }
    }

    fn is_of(&self, owner: u128) -> bool {
        self.own.as_ref().is_some_and(|own| own.owner == owner)
    }

    fn own_of(&mut self, hold: Hold) -> Option<&mut Own> {
        let own = self.own.as_mut().filter(|own| own.owner == hold.owner);
        own.filter(|_| self.fence == hold.fence)
    }
}

impl Waiter<'_> {
    /// Waits for the end of the claim. Its result, where it is known without another question.
    pub(super) async fn ended(self) -> Option<Stored> {
        // Made before the look, so that no end falls in between.
        let ended = self.wait.ended.notified();
        if !self.has_ended() {
            ended.await;
        }
        self.wait.result.get().cloned()
    }

    /// Its flight is gone, or is of another claim.
    fn has_ended(&self) -> bool {
        let flights = self.flights.0.of(self.key);
        flights.get(&self.key).is_none_or(|flight| !Arc::ptr_eq(&flight.wait, &self.wait))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.0.of(self.key);
        if let Entry::Occupied(mut flight) = flights.entry(self.key)
            && Arc::ptr_eq(&flight.get().wait, &self.wait)
        {
            flight.get_mut().waiting -= 1;
            if flight.get().waiting == 0 && flight.get().own.is_none() {
                flight.remove();
            }
        }
    }
}

impl Look {
    /// Whether somebody still waits.
    pub(super) fn is_wanted(&self) -> bool {
        let flights = self.flights.0.of(self.key);
        flights.get(&self.key).is_some_and(|flight| flight.fence == self.fence && flight.waiting > 0)
    }

    pub(super) fn ended(self, result: Option<Stored>) {
        self.flights.ended(self.key, self.fence, result);
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let mut flights = self.flights.0.of(self.key);
        if let Some(flight) = flights.get_mut(&self.key).filter(|flight| flight.fence == self.fence) {
            flight.is_looked_at = false;
            flight.wait.ended.notify_waiters();
        }
    }
}
