//! One operation: (row, event, now) -> row. Times are milliseconds of the store's clock.

use std::time::Duration;

use resilience::IdempotencyKey;
use resilience::ledger::{Body, Claimed, Entry, EntryState, Hold, Request, Stored, Written};

pub(crate) type Millis = i64;

/// What a claim asks for, without the borrows of its caller.
pub(crate) struct Asked {
    pub(crate) key: IdempotencyKey,
    site: &'static str,
    text: String,
    owner: u128,
    fingerprint: Option<[u8; 32]>,
    version: u32,
    lease: Duration,
    ttl: Duration,
    at_most_once: bool,
}

impl Asked {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        Self {
            key: request.key,
            site: request.site,
            text: request.as_written(),
            owner: request.owner,
            fingerprint: request.fingerprint,
            version: request.version,
            lease: request.lease,
            ttl: request.ttl,
            at_most_once: request.at_most_once,
        }
    }
}

pub(crate) struct Row {
    pub(crate) key: IdempotencyKey,
    pub(crate) site: String,
    pub(crate) text: String,
    pub(crate) owner: u128,
    pub(crate) fence: u64,
    pub(crate) attempt: u32,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) version: u32,
    pub(crate) ttl: Millis,
    pub(crate) at_most_once: bool,
    pub(crate) state: State,
    pub(crate) since: Millis,
    /// When it is forgotten; never, while it runs or waits for an operator.
    pub(crate) expires: Option<Millis>,
}

pub(crate) enum State {
    Running { until: Millis },
    InDoubt,
    Released,
    Done(Stored),
}

/// What the owner of a claim writes.
pub(crate) enum Change {
    Renew { lease: Duration },
    Complete { result: Stored, ttl: Duration },
    Release,
    Doubt,
}

impl Row {
    /// The answer to a claim, if it is not granted.
    pub(crate) fn answer(&self, asked: &Asked, now: Millis) -> Option<Claimed> {
        if self.fingerprint != asked.fingerprint {
            return Some(Claimed::Mismatch);
        }
        match &self.state {
            State::Done(stored) => Some(Claimed::Done(stored.clone())),
            State::Running { until } if *until > now => Some(if self.owner == asked.owner {
                Claimed::Granted { fence: self.fence }
            } else {
                let left = Duration::from_millis(until.abs_diff(now));
                Claimed::Running { fence: self.fence, left }
            }),
            State::Released => None,
            State::Running { .. } | State::InDoubt => self.at_most_once.then_some(Claimed::InDoubt),
        }
    }

    pub(crate) fn granted(asked: Asked, fence: u64, attempt: u32, now: Millis) -> Self {
        Self {
            key: asked.key,
            site: asked.site.to_owned(),
            text: asked.text,
            owner: asked.owner,
            fence,
            attempt,
            fingerprint: asked.fingerprint,
            version: asked.version,
            ttl: millis(asked.ttl),
            at_most_once: asked.at_most_once,
            state: State::Running { until: after(now, asked.lease) },
            since: now,
            expires: None,
        }
    }

    /// Writes, if the claim still stands.
    pub(crate) fn write(&mut self, hold: Hold, change: Change, now: Millis) -> Written {
        if (self.owner, self.fence) != (hold.owner, hold.fence) {
            return Written::LeaseLost;
        }
        match (&self.state, change) {
            (State::Running { .. }, Change::Renew { lease }) => {
                self.state = State::Running { until: after(now, lease) };
            }
            (State::Running { .. }, Change::Complete { result, ttl }) => {
                self.settle(State::Done(result), Some(millis(ttl)), now);
            }
            (State::Running { .. }, Change::Release) => self.settle(State::Released, Some(self.ttl), now),
            (State::Running { .. }, Change::Doubt) => {
                let ttl = (!self.at_most_once).then_some(self.ttl);
                self.settle(State::InDoubt, ttl, now);
            }
            // The answer was lost, and the write is sent again.
            (State::Done(_), _) | (State::Released, Change::Release) => {}
            (State::InDoubt | State::Released, _) => return Written::LeaseLost,
        }
        Written::Yes
    }

    pub(crate) fn resolve(&mut self, body: Body, now: Millis) {
        // Its owner, if he comes after all, must not take this result for his own.
        self.owner = !self.owner;
        self.settle(State::Done(Stored { version: self.version, body }), Some(self.ttl), now);
    }

    fn settle(&mut self, state: State, ttl: Option<Millis>, now: Millis) {
        (self.state, self.since) = (state, now);
        self.expires = ttl.map(|ttl| now.saturating_add(ttl));
    }

    pub(crate) fn is_running(&self, now: Millis) -> bool {
        matches!(self.state, State::Running { until } if until > now)
    }

    pub(crate) fn is_in_doubt(&self, now: Millis) -> bool {
        match self.state {
            State::Running { until } => until <= now,
            State::InDoubt => true,
            State::Released | State::Done(_) => false,
        }
    }

    pub(crate) fn entry(&self, now: Millis) -> Entry {
        let (state, since, result) = match &self.state {
            State::Running { until } if *until > now => (EntryState::Running, self.since, None),
            State::Running { until } => (EntryState::InDoubt, *until, None),
            State::InDoubt => (EntryState::InDoubt, self.since, None),
            State::Released => (EntryState::Released, self.since, None),
            State::Done(stored) => match &stored.body {
                Body::NotKept => (EntryState::ResultNotKept, self.since, None),
                Body::Value(json) | Body::Error(json) => {
                    (EntryState::Done, self.since, Some(json.to_string()))
                }
            },
        };
        Entry {
            key: self.key,
            site: self.site.clone(),
            text: self.text.clone(),
            state,
            at_most_once: self.at_most_once,
            fence: self.fence,
            attempt: self.attempt,
            age: Duration::from_millis(now.saturating_sub(since).try_into().unwrap_or(0)),
            result,
        }
    }
}

fn millis(time: Duration) -> Millis {
    time.as_millis().try_into().unwrap_or(Millis::MAX)
}

fn after(now: Millis, time: Duration) -> Millis {
    now.saturating_add(millis(time))
}
