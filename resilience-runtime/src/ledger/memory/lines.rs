//! Who settled when. One line per kind and time to live: within it the first is the oldest, and the first to expire.

use std::time::Duration;

use super::records::{Number, Record, Records};
use crate::ledger::record::State;
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
    first: Option<First>,
    last: Option<Number>,
    length: usize,
}

/// The first of a line, with what others ask of it: the records of those who wait are cold.
#[derive(Clone, Copy)]
struct First {
    number: Number,
    since: Tick,
    fence: u64,
}

/// Where a record waits: its line, and its neighbours there.
pub(super) struct Seat {
    line: u32,
    before: Option<Number>,
    after: Option<Number>,
}

/// The line that a record belongs in, and since when, if it is ever to be forgotten.
pub(super) fn standing(record: &Record) -> Option<(Kind, Duration, Tick)> {
    let kind = if matches!(record.state, State::Done(_)) { Kind::Result } else { Kind::Spare };
    Some((kind, record.expires?.since(record.since), record.since))
}

impl First {
    fn of(number: Number, records: &Records) -> Self {
        let Record { since, fence, .. } = records[number].record;
        Self { number, since, fence }
    }
}

impl Lines {
    /// A record has settled now: it goes to the end of its line, if it has one.
    pub(super) fn join(&mut self, records: &mut Records, number: Number) {
        let Some((kind, ttl, _)) = standing(&records[number].record) else { return };
        let index = self.line(kind, ttl);
        let line = &mut self.0[index];
        let before = line.last.replace(number);
        match before {
            Some(before) => seat(records, before).after = Some(number),
            None => line.first = Some(First::of(number, records)),
        }
        line.length += 1;
        let line = u32::try_from(index).expect("there are as many as times to live");
        records[number].seat = Some(Seat { line, before, after: None });
    }

    /// A record moves on.
    pub(super) fn leave(&mut self, records: &mut Records, number: Number) {
        let Some(Seat { line, before, after }) = records[number].seat.take() else { return };
        let line = &mut self.0[line as usize];
        line.length -= 1;
        match after {
            Some(after) => seat(records, after).before = before,
            None => line.last = before,
        }
        match before {
            Some(before) => seat(records, before).after = after,
            None => line.first = after.map(|after| First::of(after, records)),
        }
    }

    /// Somebody who has expired.
    pub(super) fn expired(&self, now: Tick) -> Option<Number> {
        let is_over = |line: &&Line| line.first.is_some_and(|first| first.since.after(line.ttl) <= now);
        self.0.iter().find(is_over)?.first.map(|first| first.number)
    }

    /// Of one kind, or of all.
    pub(super) fn oldest(&self, kind: Option<Kind>) -> Option<Number> {
        let is_of_kind = |line: &&Line| kind.is_none_or(|kind| line.kind == kind);
        let firsts = self.0.iter().filter(is_of_kind).filter_map(|line| line.first);
        firsts.min_by_key(|first| (first.since, first.fence)).map(|first| first.number)
    }

    pub(super) fn count(&self, kind: Kind) -> usize {
        self.0.iter().filter(|line| line.kind == kind).map(|line| line.length).sum()
    }

    fn line(&mut self, kind: Kind, ttl: Duration) -> usize {
        let found = self.0.iter().position(|line| line.kind == kind && line.ttl == ttl);
        found.unwrap_or_else(|| {
            self.0.push(Line { kind, ttl, first: None, last: None, length: 0 });
            self.0.len() - 1
        })
    }
}

/// The seat of somebody in a line.
fn seat(records: &mut Records, number: Number) -> &mut Seat {
    records[number].seat.as_mut().expect("who is in a line has a seat")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::records::Slot;
    use super::*;
    use crate::key::KeptName;
    use crate::testing::op::op;

    /// Records that have been released, each of them in no line yet.
    fn released(records: &mut Records, count: u8) -> Vec<Number> {
        let now = Tick::now();
        let mut released = |name: u8| {
            let op = op(&name.to_string());
            let request = op.request(1);
            let record = Record::granted(&request, KeptName::of(&request.name), u64::from(name), 1, now);
            let record = Record { state: State::Released, expires: Some(now.after(op.ttl)), ..record };
            records.add(Slot::of(record, name.into()));
            records.find(op.key).expect("it was added")
        };
        (0..count).map(&mut released).collect()
    }

    proptest! {
        #[test]
        fn a_line_is_as_a_list(moves in prop::collection::vec(0..8usize, 1..60)) {
            let (mut records, mut lines, mut list) = (Records::default(), Lines::default(), Vec::new());
            let all = released(&mut records, 8);
            for number in moves.into_iter().map(|index| all[index]) {
                if let Some(place) = list.iter().position(|other| *other == number) {
                    lines.leave(&mut records, number);
                    list.remove(place);
                } else {
                    lines.join(&mut records, number);
                    list.push(number);
                }
                prop_assert_eq!(lines.count(Kind::Spare), list.len());
                prop_assert_eq!(lines.oldest(Some(Kind::Spare)), list.first().copied());
            }
            for number in list {
                prop_assert_eq!(lines.oldest(Some(Kind::Spare)), Some(number));
                lines.leave(&mut records, number);
            }
            prop_assert_eq!((lines.oldest(Some(Kind::Spare)), lines.count(Kind::Spare)), (None, 0));
        }
    }
}
