//! Claims on their way. Those of one key and the same values share the answer of the first.
//!
//! No caller drives a claim: it is sent by a task, and callers wait for the answer. So one that leaves, or is never polled
//! again, keeps nobody else waiting, and what the server says of its claim is heard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::store::{Answer, Claim};
use crate::key::IdempotencyKey;
use crate::ledger::key_map::KeyMap;
use crate::ledger::shards::Shards;
use crate::ledger::{Claimed, Request};
use crate::time::Tick;

#[derive(Default)]
pub(super) struct Claims(Shards<KeyMap<Vec<Arc<InFlight>>>>);

/// A claim on its way.
pub(super) struct InFlight {
    pub(super) claim: Claim,
    since: Tick,
    state: Mutex<State>,
    answered: Notify,
}

#[derive(Default)]
struct State {
    callers: usize,
    /// The caller that would be granted it has left.
    is_withdrawn: bool,
    answer: Option<Answer<Claimed>>,
}

/// What becomes of a caller.
pub(super) enum Joined {
    /// A claim has to be sent.
    First(Caller),
    /// One is on its way already.
    Shares(Caller),
}

/// A caller that waits for the answer. When the last of them has left before it was sent, it is not sent.
pub(super) struct Caller {
    flight: Arc<InFlight>,
    owner: u128,
}

impl Claims {
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|claims| claims.is_empty())
    }

    /// Joins the claim that is on its way, unless it has been for longer than an answer may take: then its task stands
    /// still.
    pub(super) fn join(&self, request: &Request<'_>, longest: Duration) -> Joined {
        let mut shard = self.0.of(request.key);
        let flights = shard.entry(request.key).or_default();
        let (owner, now) = (request.owner, Tick::now());
        let is_such = |flight: &&Arc<InFlight>| {
            flight.claim.fingerprint == request.fingerprint && now < flight.since.after(longest)
        };
        for flight in flights.iter().filter(is_such) {
            let mut state = flight.state();
            // One without callers may have been given up.
            if state.callers > 0 {
                state.callers += 1;
                return Joined::Shares(Caller { flight: Arc::clone(flight), owner });
            }
        }
        let state = Mutex::new(State { callers: 1, ..State::default() });
        let flight = Arc::new(InFlight { claim: request.into(), since: now, state, answered: Notify::new() });
        flights.push(Arc::clone(&flight));
        Joined::First(Caller { flight, owner })
    }

    /// The claim of this owner goes unheard. `false`: there is none on its way.
    pub(super) fn withdraw(&self, key: IdempotencyKey, owner: u128) -> bool {
        let shard = self.0.of(key);
        let flight = shard.get(&key).and_then(|all| all.iter().find(|it| it.claim.owner == owner));
        if let Some(flight) = flight {
            flight.state().is_withdrawn = true;
        }
        flight.is_some()
    }

    /// Tells all who wait, once. Gives whether the caller that would be granted it has left.
    pub(super) fn end(&self, flight: &Arc<InFlight>, answer: Answer<Claimed>) -> bool {
        let key = flight.claim.key;
        // Under the lock, so that a withdrawal finds the claim here, or what the answer was.
        let mut shard = self.0.of(key);
        let Some(flights) = shard.get_mut(&key) else { return false };
        let before = flights.len();
        flights.retain(|other| !Arc::ptr_eq(other, flight));
        let is_first = flights.len() < before;
        if flights.is_empty() {
            shard.remove(&key);
        }
        if !is_first {
            return false;
        }
        let mut state = flight.state();
        state.answer = Some(answer);
        let is_withdrawn = state.is_withdrawn;
        drop(state);
        drop(shard);
        flight.answered.notify_waiters();
        is_withdrawn
    }
}

impl InFlight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller {
    /// For the task that sends the claim.
    pub(super) fn flight(&self) -> Arc<InFlight> {
        Arc::clone(&self.flight)
    }

    /// What the server says to this caller. Nothing, if the task that sent the claim ended without an answer.
    pub(super) async fn answer(self) -> Answer<Claimed> {
        loop {
            // Made before the look, so that no answer falls in between.
            let answered = self.flight.answered.notified();
            if let Some(answer) = self.flight.state().answer.clone() {
                return self.mine(answer);
            }
            answered.await;
        }
    }

    fn mine(&self, answer: Answer<Claimed>) -> Answer<Claimed> {
        match answer? {
            // It was granted to the owner that it was sent for.
            Claimed::Granted { fence } if self.owner != self.flight.claim.owner => {
                Ok(Claimed::Running { fence, left: self.flight.claim.lease })
            }
            answer => Ok(answer),
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut state = self.flight.state();
        state.callers -= 1;
        if state.callers == 0 {
            self.flight.claim.give_up();
        }
    }
}
