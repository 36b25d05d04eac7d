//! The members of a set, without what they are: their breakers, and whose turn it is.

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::choice::choose;
use super::picks::{Picks, Record, with_record};
use crate::circuit_breaker::{CircuitBreaker, Permit};
use crate::event::reject;
use crate::{Error, Kind, Site};

pub(super) struct Set {
    /// What a rejection speaks of.
    pub(super) site: &'static Site,
    pub(super) breakers: Box<[CircuitBreaker]>,
    turn: AtomicUsize,
    /// Records that no call has now.
    spare: Mutex<Picks>,
}

/// The breaker of a member, for a permit that outlives the borrow of its set.
pub(super) struct Member {
    set: Arc<Set>,
    index: usize,
}

impl Deref for Member {
    type Target = CircuitBreaker;

    fn deref(&self) -> &CircuitBreaker {
        &self.set.breakers[self.index]
    }
}

impl Set {
    pub(super) fn new(breaker: CircuitBreaker, members: usize) -> Self {
        Self {
            site: breaker.site(),
            breakers: breaker.into_members(members),
            turn: AtomicUsize::new(0),
            spare: Mutex::new(Picks::NONE),
        }
    }

    /// Picks a member for the attempt that runs now. Where nobody would say what it came to, that is nothing.
    pub(super) fn pick(self: &Arc<Self>) -> Result<usize, Error> {
        let choose = |tried| self.choose(tried, |index| Permit::ask(Member { set: Arc::clone(self), index }));
        with_record(self, |record, attempt| record.pick(attempt, choose))
            .unwrap_or_else(|| choose(0).map(|(member, _cancelled)| member))
    }

    /// Lets a call in whose outcome is told to the permit.
    pub(super) fn admit(self: &Arc<Self>) -> Result<(usize, Permit<&CircuitBreaker>), Error> {
        let choose = |tried| self.choose(tried, |index| Permit::ask(&self.breakers[index]));
        with_record(self, |record, _| {
            let (member, permit) = choose(record.tried)?;
            record.tried |= 1 << member;
            Ok((member, permit))
        })
        .unwrap_or_else(|| choose(0))
    }

    fn choose<P>(
        &self,
        tried: u64,
        ask: impl FnMut(usize) -> Result<P, Option<Duration>>,
    ) -> Result<(usize, P), Error> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let is_closed = |index: usize| self.breakers[index].is_closed();
        choose(self.breakers.len(), turn, tried, is_closed, ask)
            .map_err(|wait| reject(Kind::CircuitOpen, self.site).not_run().after(wait))
    }

    /// A record that another call has left.
    pub(super) fn spare(&self) -> Option<Box<Record>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// The call is over.
    pub(super) fn keep(&self, record: Box<Record>) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }
}
