//! How the gateway misbehaves: a plan that follows from the seed alone.
//!
//! What befalls a request depends on its order and on how many requests that order has made before, so two runs of one
//! seed meet the same gateway however their requests interleave.

use std::ops::Range;
use std::time::Duration;

use crate::shared::dice::dice;

/// No charge takes longer than this once it has begun.
pub(crate) const SLOWEST: Duration = Duration::from_millis(900);

/// How bad it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    None,
    Mild,
    Harsh,
}

impl Faults {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Mild, Self::Harsh];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Mild => "mild",
            Self::Harsh => "harsh",
        }
    }

    /// How many requests of a hundred meet which fate; the others are answered at once.
    fn of_a_hundred(self) -> &'static [(u32, Fate)] {
        match self {
            Self::None => &[],
            Self::Mild => &[
                (2, Fate::Unavailable),
                (2, Fate::ReplyLost),
                (1, Fate::HungBeforeCharge),
                (1, Fate::HungAfterCharge),
                (5, Fate::Slow),
            ],
            Self::Harsh => &[
                (6, Fate::Unavailable),
                (6, Fate::ReplyLost),
                (1, Fate::HungBeforeCharge),
                (2, Fate::HungAfterCharge),
                (8, Fate::Slow),
            ],
        }
    }

    /// One outage in every so many milliseconds, and how many it lasts.
    fn outages(self) -> Option<(u64, Range<u64>)> {
        match self {
            Self::None => None,
            Self::Mild => Some((15_000, 300..1_000)),
            Self::Harsh => Some((8_000, 1_000..2_000)),
        }
    }
}

/// What befalls one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Charged and answered.
    Answered,
    /// The same, but the charge takes its time: often longer than the shop waits for it.
    Slow,
    /// 503, nothing charged.
    Unavailable,
    /// Charged, then the connection breaks: the shop cannot know.
    ReplyLost,
    /// Nothing charged, and no answer ever.
    HungBeforeCharge,
    /// Charged, and no answer ever.
    HungAfterCharge,
}

/// The whole plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) faults: Faults,
}

impl Plan {
    /// The fate of the `nth` request of an order, and how long a charge takes if it comes to one.
    pub(crate) fn request(&self, order: u64, nth: u64) -> (Fate, Duration) {
        let mut dice = dice(&[self.seed, order, nth]);
        let fate = pick(self.faults.of_a_hundred(), dice.u32(0..100));
        let millis = match fate {
            Fate::Slow => 100..=900,
            _ => 5..=25,
        };
        (fate, Duration::from_millis(dice.u64(millis)))
    }

    /// The outage under way after so much uptime, or else the next one, in time since the start.
    pub(crate) fn outage(&self, uptime: Duration) -> Option<Range<Duration>> {
        let (every, lasts) = self.faults.outages()?;
        let outage_of = |period: u64| {
            let mut dice = dice(&[self.seed, period]);
            let lasts = dice.u64(lasts.clone());
            // Never at the very start: a short run deserves some good weather first.
            let start = period * every + dice.u64(2_000..every - lasts);
            Duration::from_millis(start)..Duration::from_millis(start + lasts)
        };
        let period = u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX) / every;
        let here = outage_of(period);
        Some(if uptime < here.end { here } else { outage_of(period + 1) })
    }
}

fn pick(shares: &[(u32, Fate)], mut roll: u32) -> Fate {
    for &(share, fate) in shares {
        if roll < share {
            return fate;
        }
        roll -= share;
    }
    Fate::Answered
}

#[cfg(test)]
mod tests {
    use super::{Duration, Fate, Faults, Plan, SLOWEST};

    #[test]
    fn one_seed_is_one_plan() {
        let plan = |seed| {
            let plan = Plan { seed, faults: Faults::Harsh };
            let requests: Vec<_> = (0..500).map(|id| plan.request(id, id % 3)).collect();
            (requests, plan.outage(Duration::ZERO))
        };
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn shares_are_as_written() {
        let plan = Plan { seed: 1, faults: Faults::Harsh };
        let fates: Vec<_> = (0..10_000).map(|order| plan.request(order, 0)).collect();
        let share = |fate| fates.iter().filter(|(f, _)| *f == fate).count();
        assert!((450..750).contains(&share(Fate::Unavailable)));
        assert!((650..950).contains(&share(Fate::Slow)));
        assert!(fates.iter().all(|(_, takes)| *takes <= SLOWEST));
        let calm = Plan { seed: 1, faults: Faults::None };
        assert!((0..1_000).all(|order| calm.request(order, 0).0 == Fate::Answered));
    }

    #[test]
    fn outages_follow_each_other() {
        let plan = Plan { seed: 7, faults: Faults::Harsh };
        let first = plan.outage(Duration::ZERO).unwrap();
        assert_eq!(plan.outage(first.start), Some(first.clone()), "under way");
        let second = plan.outage(first.end).unwrap();
        assert!(second.start > first.end);
        assert_eq!(Plan { seed: 7, faults: Faults::None }.outage(Duration::ZERO), None);
    }
}
