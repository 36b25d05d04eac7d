//! Who settled when. One line per kind and time to live: within it the first is the oldest, and the first to expire.

use std::collections::VecDeque;
use std::time::Duration;

use crate::key::IdempotencyKey;
use crate::time::Tick;

/// What is forgotten first when there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Result,
    /// It may be run again. Only its attempt and its fingerprint are lost with it.
    Spare,
}

#[derive(Default)]
pub(super) struct Lines(Vec<Line>);

struct Line {
    kind: Kind,
    ttl: Duration,
    places: VecDeque<Place>,
    /// Places whose record has moved on. They are cleared away at the front, and all when they are the most.
    empty: usize,
}

/// A record, as it was when it settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: IdempotencyKey,
    pub(super) fence: u64,
    pub(super) since: Tick,
}

/// Room for empty places that is not worth a walk.
const SLACK: usize = 64;

impl Lines {
    pub(super) fn join(&mut self, kind: Kind, ttl: Duration, place: Place) {
        self.line(kind, ttl).places.push_back(place);
    }

    /// A record has moved on.
    pub(super) fn leave(&mut self, kind: Kind, ttl: Duration, is_taken: impl Fn(Kind, &Place) -> bool) {
        let line = self.line(kind, ttl);
        line.empty += 1;
        if line.empty > SLACK + line.places.len() / 2 {
            line.places.retain(|place| is_taken(kind, place));
            line.empty = 0;
        }
    }

    /// Somebody who has expired.
    pub(super) fn expired(
        &mut self,
        now: Tick,
        is_taken: impl Fn(Kind, &Place) -> bool,
    ) -> Option<IdempotencyKey> {
        self.0.iter_mut().find_map(|line| {
            let ttl = line.ttl;
            let is_over = |place: &Place| place.since.after(ttl) <= now;
            // The place first: the records of those who wait are cold.
            line.places.front().filter(|place| is_over(place))?;
            line.first(&is_taken).filter(|place| is_over(place)).map(|place| place.key)
        })
    }

    pub(super) fn oldest(
        &mut self,
        kind: Kind,
        is_taken: impl Fn(Kind, &Place) -> bool,
    ) -> Option<IdempotencyKey> {
        let lines = self.0.iter_mut().filter(|line| line.kind == kind);
        let firsts = lines.filter_map(|line| line.first(&is_taken).copied());
        firsts.min_by_key(|place| (place.since, place.fence)).map(|place| place.key)
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        let lines = self.0.iter().filter(|line| line.kind == kind);
        lines.map(|line| line.places.len() - line.empty).sum()
    }

    fn line(&mut self, kind: Kind, ttl: Duration) -> &mut Line {
        let found = self.0.iter().position(|line| line.kind == kind && line.ttl == ttl);
        let index = found.unwrap_or_else(|| {
            self.0.push(Line { kind, ttl, places: VecDeque::new(), empty: 0 });
            self.0.len() - 1
        });
        &mut self.0[index]
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.0.iter().map(|line| line.places.len()).sum()
    }
}

impl Line {
    /// The first whose place is taken.
    fn first(&mut self, is_taken: impl Fn(Kind, &Place) -> bool) -> Option<&Place> {
        while let Some(place) = self.places.front() {
            if is_taken(self.kind, place) {
                break;
            }
            self.places.pop_front();
            self.empty -= 1;
        }
        self.places.front()
    }
}
