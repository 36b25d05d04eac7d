//! What this process knows of running claims: its own, and those that somebody here waits for. The duplicates of one
//! process cost one look at a time, however many they are.

use std::collections::hash_map::Entry;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use super::store::Seen;
use crate::key::IdempotencyKey;
use crate::ledger::key_map::KeyMap;
use crate::ledger::shards::Shards;
use crate::ledger::{Claimed, Hold, Request, Stored};
use crate::time::Tick;

/// The first pause between two looks at a claim of another process, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Flights(Shards<Known>);

type Known = KeyMap<Flight>;

/// A claim that runs, as far as is known here.
struct Flight {
    fence: u64,
    /// It is ours: nobody has to ask the server whether it runs.
    own: Option<Own>,
    wait: Arc<Wait>,
    waiting: usize,
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
    /// Whoever has it looks for all of them, and knows how long the last pause was.
    look: Mutex<Option<Duration>>,
}

impl Flights {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|flights| flights.is_empty())
    }

    /// What the server would say, where that is known here: our own claim runs, and its lease is not over.
    pub(super) fn answer(&self, request: &Request<'_>) -> Option<Claimed> {
        let flights = self.0.of(request.key);
        let flight = flights.get(&request.key)?;
        let own = flight.own.as_ref().filter(|own| own.owner != request.owner)?;
        let now = Tick::now();
        if own.until <= now {
            return None;
        }
        Some(if own.fingerprint == request.fingerprint {
            Claimed::Running { fence: flight.fence, left: own.until.since(now) }
        } else {
            Claimed::Mismatch
        })
    }

    /// A claim of ours was granted, as asked for at `asked`.
    pub(super) fn begin(&self, request: &Request<'_>, fence: u64, asked: Tick) {
        let own =
            Own { owner: request.owner, fingerprint: request.fingerprint, until: asked.after(request.lease) };
        let mut flights = self.0.of(request.key);
        match flights.entry(request.key) {
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

    /// Waits for the end of a claim. `look` asks the server.
    pub(super) async fn ended<L: Future<Output = Seen>>(
        &self,
        key: IdempotencyKey,
        fence: u64,
        look: impl Fn() -> L,
    ) -> Option<Stored> {
        let waiting = self.join(key, fence)?;
        // Made before the first look, so that no end falls in between.
        let ended = waiting.wait.ended.notified();
        if waiting.has_ended() {
            return waiting.wait.result.get().cloned();
        }
        tokio::select! {
            () = ended => {}
            () = waiting.wait.look(look) => {}
        }
        waiting.wait.result.get().cloned()
    }

    /// Nothing: a later claim is known here, so this one has ended.
    fn join(&self, key: IdempotencyKey, fence: u64) -> Option<Waiting<'_>> {
        let mut flights = self.0.of(key);
        let flight = flights.entry(key).or_insert_with(|| Flight::of(fence, None));
        if flight.fence > fence {
            return None;
        }
        if flight.fence < fence {
            std::mem::replace(flight, Flight::of(fence, None)).wait.ended.notify_waiters();
        }
        flight.waiting += 1;
        Some(Waiting { flights: self, key, fence, wait: Arc::clone(&flight.wait) })
    }
}

impl Flight {
    fn of(fence: u64, own: Option<Own>) -> Self {
        Self { fence, own, wait: Arc::default(), waiting: 0 }
    }

    fn own_of(&mut self, hold: Hold) -> Option<&mut Own> {
        let own = self.own.as_mut().filter(|own| own.owner == hold.owner);
        own.filter(|_| self.fence == hold.fence)
    }
}

impl Wait {
    /// Looks until the claim has ended, in growing and scattered pauses. One of those who wait does it for all; when he
    /// leaves, the next one goes on.
    async fn look<L: Future<Output = Seen>>(&self, look: impl Fn() -> L) {
        let mut last = self.look.lock().await;
        loop {
            let pause = last.map_or(FIRST_PAUSE, |last| (last * 8 / 5).min(LONGEST_PAUSE));
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            *last = Some(pause);
            if let Seen::Ended(result) = look().await {
                if let Some(result) = result {
                    let _ = self.result.set(result);
                }
                self.ended.notify_waiters();
                return;
            }
        }
    }
}

/// One who waits. A claim of another process is forgotten with the last of them.
struct Waiting<'a> {
    flights: &'a Flights,
    key: IdempotencyKey,
    fence: u64,
    wait: Arc<Wait>,
}

impl Waiting<'_> {
    /// Its flight is gone, or is of another claim.
    fn has_ended(&self) -> bool {
        let flights = self.flights.0.of(self.key);
        flights.get(&self.key).is_none_or(|flight| flight.fence != self.fence)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights.0.of(self.key);
        if let Entry::Occupied(mut flight) = flights.entry(self.key)
            && flight.get().fence == self.fence
        {
            flight.get_mut().waiting -= 1;
            if flight.get().waiting == 0 && flight.get().own.is_none() {
                flight.remove();
            }
        }
    }
}
