//! Claims on their way. Those of one key and the same values share the answer of the first.
//!
//! No caller drives a claim: it is sent by a task, and callers wait for the answer. So one that leaves, or is never polled
//! again, keeps nobody else waiting, and what the server says of its claim is heard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::store::{Answer, Claim};
use crate::key::IdempotencyKey;
use crate::ledger::key_map::KeyMap;
use crate::ledger::shards::Shards;
use crate::ledger::{Claimed, Request};

#[derive(Default)]
pub(super) struct Claims(Shards<KeyMap<Operation>>);

/// What is under way for one key.
#[derive(Default)]
struct Operation {
    flights: Vec<Arc<InFlight>>,
    /// Owners whose claims were sent and had no answer. Their callers withdraw them.
    open: Vec<u128>,
}

impl Operation {
    fn is_over(&self) -> bool {
        self.flights.is_empty() && self.open.is_empty()
    }
}

/// A claim on its way.
pub(super) struct InFlight {
    pub(super) claim: Claim,
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

/// What is known of a claim that is withdrawn.
pub(super) enum Withdrawn {
    /// Its task hears the answer, and does what is left to do.
    OnItsWay,
    /// It was sent, and had no answer.
    Open,
    /// It has an answer, or was never sent: another one was shared.
    Unknown,
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

    /// Joins the claim that is on its way, or begins one.
    pub(super) fn join(&self, request: &Request<'_>) -> Joined {
        let mut shard = self.0.of(request.key);
        let flights = &mut shard.entry(request.key).or_default().flights;
        let owner = request.owner;
        for flight in flights.iter().filter(|flight| flight.claim.fingerprint == request.fingerprint) {
            let mut state = flight.state();
            // One without callers may have been given up.
            if state.callers > 0 {
                state.callers += 1;
                return Joined::Shares(Caller { flight: Arc::clone(flight), owner });
            }
        }
        let state = Mutex::new(State { callers: 1, ..State::default() });
        let flight = Arc::new(InFlight { claim: request.into(), state, answered: Notify::new() });
        flights.push(Arc::clone(&flight));
        Joined::First(Caller { flight, owner })
    }

    /// What the server may hold for this owner, which goes unheard.
    pub(super) fn withdraw(&self, key: IdempotencyKey, owner: u128) -> Withdrawn {
        let mut shard = self.0.of(key);
        let Some(operation) = shard.get_mut(&key) else { return Withdrawn::Unknown };
        if let Some(flight) = operation.flights.iter().find(|flight| flight.claim.owner == owner) {
            flight.state().is_withdrawn = true;
            return Withdrawn::OnItsWay;
        }
        let before = operation.open.len();
        operation.open.retain(|open| *open != owner);
        let was_open = operation.open.len() < before;
        if operation.is_over() {
            shard.remove(&key);
        }
        if was_open { Withdrawn::Open } else { Withdrawn::Unknown }
    }

    /// Tells all who wait, once. Gives whether the caller that would be granted it has left.
    pub(super) fn end(&self, flight: &Arc<InFlight>, answer: Answer<Claimed>) -> bool {
        let (key, owner) = (flight.claim.key, flight.claim.owner);
        // Under the lock, so that a withdrawal finds the claim here, or what the answer was.
        let mut shard = self.0.of(key);
        let Some(operation) = shard.get_mut(&key) else { return false };
        let before = operation.flights.len();
        operation.flights.retain(|other| !Arc::ptr_eq(other, flight));
        if operation.flights.len() == before {
            return false;
        }
        let mut state = flight.state();
        let is_withdrawn = state.is_withdrawn;
        if answer.is_ok() {
            operation.open.retain(|open| *open != owner);
        } else if flight.claim.may_have_been_sent() && !is_withdrawn {
            operation.open.push(owner);
        }
        state.answer = Some(answer);
        drop(state);
        if operation.is_over() {
            shard.remove(&key);
        }
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

    /// What the server says to this caller.
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
