//! What a ledger knows of one operation, and what may become of it: (record, event, now) -> record. Every ledger that
//! decides in this process asks here.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use super::{Body, Claimed, Entry, EntryState, Hold, Request, Stored, Written};
use crate::key::IdempotencyKey;
use crate::time::Tick;

/// `T` is how the key as written is kept.
pub(crate) struct Record<T = String> {
    pub(crate) key: IdempotencyKey,
    /// The site and the key as written, for the eyes of operators.
    pub(crate) site: Cow<'static, str>,
    pub(crate) text: T,
    pub(crate) owner: u128,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) version: u32,
    pub(crate) ttl: Duration,
    pub(crate) at_most_once: bool,
    pub(crate) state: State,
    pub(crate) fence: u64,
    pub(crate) attempt: u32,
    /// Since when it is in its state.
    pub(crate) since: Tick,
    /// When it is forgotten; never, while it runs or waits for an operator.
    pub(crate) expires: Option<Tick>,
}

pub(crate) enum State {
    Running { until: Tick },
    InDoubt,
    Released,
    Done(Stored),
}

/// What the owner of a claim writes.
pub(crate) enum Change {
    Renew { lease: Duration },
    Complete { result: Stored, ttl: Duration },
    Release,
    Abandon { may_have_run: bool },
}

/// What a record takes in memory beside its texts.
const OVERHEAD: usize = 400;

impl<T: AsRef<[u8]>> Record<T> {
    /// The bytes that it takes in memory, about.
    pub(crate) fn size(&self) -> usize {
        let result = match &self.state {
            State::Done(stored) => match &stored.body {
                Body::Value(json) | Body::Error(json) => json.len(),
                Body::NotKept => 0,
            },
            _ => 0,
        };
        OVERHEAD + self.site.len() + self.text.as_ref().len() + result
    }
}

impl<T: Display> Record<T> {
    /// A claim that was granted now.
    pub(crate) fn granted(request: &Request<'_>, text: T, fence: u64, attempt: u32, now: Tick) -> Self {
        Self {
            key: request.key,
            site: Cow::Borrowed(request.site),
            text,
            owner: request.owner,
            fingerprint: request.fingerprint,
            version: request.version,
            ttl: request.ttl,
            at_most_once: request.at_most_once,
            state: State::Running { until: now.after(request.lease) },
            fence,
            attempt,
            since: now,
            expires: None,
        }
    }

    /// What a claim finds. Nothing: it may run, as the next attempt.
    #[inline]
    pub(crate) fn answer(&self, request: &Request<'_>, now: Tick) -> Option<Claimed> {
        self.answer_to(request.owner, request.fingerprint.as_ref(), now)
    }

    #[inline]
    pub(crate) fn answer_to(
        &self,
        owner: u128,
        fingerprint: Option<&[u8; 32]>,
        now: Tick,
    ) -> Option<Claimed> {
        if self.fingerprint.as_ref() != fingerprint {
            return Some(Claimed::Mismatch);
        }
        match &self.state {
            State::Done(stored) => Some(Claimed::Done(stored.clone())),
            State::Running { until } if *until > now => {
                if self.owner == owner {
                    return Some(Claimed::Granted { fence: self.fence });
                }
                Some(Claimed::Running { fence: self.fence, left: until.since(now) })
            }
            State::InDoubt | State::Running { .. } if self.at_most_once => Some(Claimed::InDoubt),
            State::Running { .. } | State::InDoubt | State::Released => None,
        }
    }

    /// Writes, if the claim still stands. One that has lapsed and that nobody took over does.
    pub(crate) fn write(&mut self, hold: Hold, change: Change, now: Tick) -> Written {
        if self.fence != hold.fence || self.owner != hold.owner {
            return Written::LeaseLost;
        }
        match (&self.state, &change) {
            (State::Running { .. }, _) => self.change(change, now),
            // The answer to a write was lost, and the write is sent again.
            (State::Done(_), _) | (State::Released, Change::Release) => {}
            (State::InDoubt | State::Released, _) => return Written::LeaseLost,
        }
        Written::Yes
    }

    fn change(&mut self, change: Change, now: Tick) {
        let ttl = self.ttl;
        match change {
            Change::Renew { lease } => self.state = State::Running { until: now.after(lease) },
            Change::Complete { result, ttl } => self.settle(State::Done(result), Some(ttl), now),
            Change::Release | Change::Abandon { may_have_run: false } => {
                self.settle(State::Released, Some(ttl), now);
            }
            Change::Abandon { may_have_run: true } => {
                // What waits for an operator waits for as long as it takes.
                self.settle(State::InDoubt, (!self.at_most_once).then_some(ttl), now);
            }
        }
    }

    fn settle(&mut self, state: State, ttl: Option<Duration>, now: Tick) {
        self.state = state;
        self.since = now;
        self.expires = ttl.map(|ttl| now.after(ttl));
    }

    /// An operator knows the result of what is in doubt.
    pub(crate) fn resolve(&mut self, body: Body, now: Tick) {
        let result = Stored { version: self.version, body };
        // Its owner, if he comes after all, must not take this result for his own.
        self.owner = !self.owner;
        self.settle(State::Done(result), Some(self.ttl), now);
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    #[inline]
    pub(crate) fn has_expired(&self, now: Tick) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    pub(crate) fn shown(&self, now: Tick) -> EntryState {
        match &self.state {
            State::Running { until } if *until > now => EntryState::Running,
            State::Running { .. } | State::InDoubt => EntryState::InDoubt,
            State::Released => EntryState::Released,
            State::Done(stored) if stored.body == Body::NotKept => EntryState::ResultNotKept,
            State::Done(_) => EntryState::Done,
        }
    }

    pub(crate) fn entry(&self, now: Tick) -> Entry {
        // A claim that has lapsed is in doubt since then.
        let since = match self.state {
            State::Running { until } if until <= now => until,
            _ => self.since,
        };
        let result = match &self.state {
            State::Done(stored) => match &stored.body {
                Body::Value(json) | Body::Error(json) => Some(json.to_string()),
                Body::NotKept => None,
            },
            _ => None,
        };
        Entry {
            key: self.key,
            site: self.site.clone().into_owned(),
            text: self.text.to_string(),
            state: self.shown(now),
            at_most_once: self.at_most_once,
            fence: self.fence,
            attempt: self.attempt,
            age: now.since(since),
            result,
        }
    }
}
