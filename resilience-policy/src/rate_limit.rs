//! Parameters of `#[rate_limit]`.

use std::time::Duration;

use crate::time::{longer, same, same_option};
use crate::violation::same_str;
use crate::{Facts, StateOf, Text, Violation};

const MOST_PERMITS: u32 = 1_000_000_000;
const LONGEST: Duration = Duration::from_hours(24);
/// Below this the rounding to whole nanoseconds would be felt.
const FINEST: Duration = Duration::from_micros(1);
const LONGEST_BURST: Duration = Duration::from_hours(365 * 24);

/// Lets so much through per time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Permits that come back in `per`.
    pub permits: u32,
    /// The time that `permits` counts for.
    pub per: Duration,
    /// Permits that can be taken at once; unwritten: `permits`.
    pub burst: Option<u32>,
    /// Permits that a call takes.
    pub weight: Weight,
    /// How long a call waits for its permits; unwritten: it does not.
    pub max_wait: Option<Duration>,
    /// Counted for the whole fleet, and what becomes of a call that cannot be counted; unwritten: for this process.
    pub fleet: Option<Fail>,
    /// Whose state it has.
    pub state: StateOf,
}

/// What becomes of the calls of a fleet's limit while its store cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fail {
    /// They pass uncounted.
    Open,
    /// They are rejected.
    Closed,
}

/// Permits that a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// As many for every call.
    Fixed(u32),
    /// As many as this expression gives for the call.
    Computed(&'static str),
}

impl Weight {
    /// As many, if it is the same for every call.
    pub const fn fixed(&self) -> u32 {
        match self {
            Self::Fixed(weight) => *weight,
            Self::Computed(_) => 1,
        }
    }
}

impl RateLimit {
    /// What stands where nothing is written. `permits` is always written.
    pub const DEFAULT: Self = Self {
        permits: 1,
        per: Duration::from_secs(1),
        burst: None,
        weight: Weight::Fixed(1),
        max_wait: None,
        fleet: None,
        state: StateOf::OWN,
    };

    /// Permits that can be taken at once.
    pub const fn largest_burst(&self) -> u32 {
        match self.burst {
            Some(burst) => burst,
            None => self.permits,
        }
    }

    /// The time in which one permit comes back, in nanoseconds. Rounded up: never more than the rate.
    pub const fn interval(&self) -> u64 {
        let per = self.per.as_secs().saturating_mul(1_000_000_000).saturating_add(self.per.subsec_nanos() as u64);
        per.div_ceil(self.permits as u64)
    }

    pub(crate) const fn facts(&self) -> Facts {
        Facts { waits: self.max_wait, ..Facts::NONE }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if let Some(found) = count(at, "permits", self.permits) {
            return Some(found);
        }
        if let Some(found) = time(at, "per", self.per, "\"1s\"") {
            return Some(found);
        }
        if self.per.as_nanos() < FINEST.as_nanos() * self.permits as u128 {
            let text = Text::new("`permits = ").num(self.permits as u128).str("` in ").time(self.per).str(" are more than one per microsecond")
                .help("count in a larger unit, such as kilobytes instead of bytes; so many calls need no limit");
            return Some(Violation::range(at, "permits", text));
        }
        if let Some(burst) = self.burst {
            if let Some(found) = count(at, "burst", burst) {
                return Some(found);
            }
            if self.interval() as u128 * burst as u128 > LONGEST_BURST.as_nanos() {
                let text = Text::new("`burst = ").num(burst as u128).str("` takes more than a year to come back")
                    .help("a permit comes back in `per` divided by `permits`: take a smaller burst, or more permits");
                return Some(Violation::range(at, "burst", text));
            }
        }
        if let Some(found) = self.check_weight(at) {
            return Some(found);
        }
        if let Some(wait) = self.max_wait && let Some(found) = time(at, "max_wait", wait, "\"100ms\"") {
            return Some(found);
        }
        self.state.check(at)
    }

    const fn check_weight(&self, at: usize) -> Option<Violation> {
        let (weight, burst) = match self.weight {
            Weight::Fixed(weight) => (weight, self.largest_burst()),
            Weight::Computed(_) => return None,
        };
        // The burst of a shared one is not known here.
        let burst = if self.state.is_shared() { MOST_PERMITS } else { burst };
        let text = if weight == 0 {
            Text::new("`weight = 0` takes no permits: nothing would be limited")
                .help("it counts the permits of a call: take 1 or more, or leave it out")
        } else if weight > burst {
            Text::new("`weight = ").num(weight as u128).str("` is larger than the burst of ").num(burst as u128)
                .str(", so no call would ever pass")
                .help("make `burst` at least as large as the weight; unwritten, it is `permits`")
        } else {
            return None;
        };
        Some(Violation::range(at, "weight", text))
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        let weight = match (self.weight, other.weight) {
            (Weight::Fixed(a), Weight::Fixed(b)) => a == b,
            (Weight::Computed(a), Weight::Computed(b)) => same_str(a, b),
            _ => false,
        };
        let fleet = matches!(
            (self.fleet, other.fleet),
            (None, None) | (Some(Fail::Open), Some(Fail::Open)) | (Some(Fail::Closed), Some(Fail::Closed))
        );
        weight && fleet && self.permits == other.permits && self.largest_burst() == other.largest_burst()
            && same(self.per, other.per) && same_option(self.max_wait, other.max_wait)
            && self.state.same(&other.state)
    }
}

const fn count(at: usize, argument: &'static str, value: u32) -> Option<Violation> {
    if value > 0 && value <= MOST_PERMITS {
        return None;
    }
    let text = Text::new("`").str(argument).str(" = ").num(value as u128).str("` is out of range (1 to ").num(MOST_PERMITS as u128).str(")")
        .help("it counts permits: take a number in that range");
    Some(Violation::range(at, argument, text))
}

const fn time(at: usize, argument: &'static str, value: Duration, example: &'static str) -> Option<Violation> {
    if !value.is_zero() && !longer(value, LONGEST) {
        return None;
    }
    let limit = if value.is_zero() { "` must be longer than zero" } else { "` cannot be longer than a day" };
    let text = Text::new("`").str(argument).str(limit).help("give it a time such as ").str(example);
    Some(Violation::range(at, argument, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { permits: 100, ..RateLimit::DEFAULT };
    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn ranges() {
        let short = |micros| Duration::from_micros(micros);
        for (limit, argument) in [
            (LIMIT, None),
            (RateLimit { permits: 1_000_000, ..LIMIT }, None),
            (RateLimit { permits: 1_000_000_000, per: DAY, ..LIMIT }, None),
            (RateLimit { permits: 1, per: short(1), ..LIMIT }, None),
            (RateLimit { permits: 1, per: DAY, burst: Some(365), ..LIMIT }, None),
            (RateLimit { burst: Some(1), max_wait: Some(DAY), ..LIMIT }, None),
            (RateLimit { weight: Weight::Fixed(100), ..LIMIT }, None),
            (RateLimit { weight: Weight::Computed("x"), ..LIMIT }, None),
            (RateLimit { permits: 0, ..LIMIT }, Some("permits")),
            (RateLimit { permits: 1_000_000_001, per: DAY, ..LIMIT }, Some("permits")),
            (RateLimit { permits: 1_000_001, ..LIMIT }, Some("permits")),
            (RateLimit { permits: u32::MAX, per: Duration::MAX, ..LIMIT }, Some("permits")),
            (RateLimit { permits: 1, per: Duration::from_nanos(999), ..LIMIT }, Some("permits")),
            (RateLimit { per: Duration::ZERO, ..LIMIT }, Some("per")),
            (RateLimit { per: Duration::MAX, ..LIMIT }, Some("per")),
            (RateLimit { burst: Some(0), ..LIMIT }, Some("burst")),
            (RateLimit { burst: Some(u32::MAX), ..LIMIT }, Some("burst")),
            (RateLimit { permits: 1, per: DAY, burst: Some(366), ..LIMIT }, Some("burst")),
            (RateLimit { weight: Weight::Fixed(0), ..LIMIT }, Some("weight")),
            (RateLimit { weight: Weight::Fixed(101), ..LIMIT }, Some("weight")),
            (RateLimit { weight: Weight::Fixed(3), burst: Some(2), ..LIMIT }, Some("weight")),
            (RateLimit { max_wait: Some(Duration::ZERO), ..LIMIT }, Some("max_wait")),
            (RateLimit { max_wait: Some(Duration::MAX), ..LIMIT }, Some("max_wait")),
        ] {
            assert_eq!(limit.check(0).map(|found| found.argument), argument, "{limit:?}");
        }
    }

    #[test]
    fn an_interval_is_never_too_short() {
        for (permits, per, nanos) in [(100, 1_000, 10_000_000), (3, 1_000, 333_333_334), (7, 1, 142_858), (1, 86_400_000, 86_400_000_000_000)] {
            let limit = RateLimit { permits, per: Duration::from_millis(per), ..LIMIT };
            assert_eq!(limit.interval(), nanos, "{limit:?}");
            assert!(u128::from(nanos) * u128::from(permits) >= limit.per.as_nanos());
        }
    }

    #[test]
    fn the_same_is_the_same_in_everything() {
        let one = RateLimit { max_wait: Some(DAY), ..LIMIT };
        assert!(one.same(&one) && one.same(&RateLimit { burst: Some(100), ..one }));
        for other in [
            RateLimit { permits: 1, burst: Some(100), ..one },
            RateLimit { per: DAY, ..one },
            RateLimit { burst: Some(1), ..one },
            RateLimit { weight: Weight::Fixed(2), ..one },
            RateLimit { weight: Weight::Computed("x"), ..one },
            RateLimit { max_wait: None, ..one },
            RateLimit { fleet: Some(Fail::Open), ..one },
        ] {
            assert!(!one.same(&other) && !other.same(&one), "{other:?}");
        }
        let (open, closed) = (Some(Fail::Open), Some(Fail::Closed));
        assert!(!RateLimit { fleet: open, ..one }.same(&RateLimit { fleet: closed, ..one }));
        assert!(RateLimit { fleet: open, ..one }.same(&RateLimit { fleet: open, ..one }));
    }
}
