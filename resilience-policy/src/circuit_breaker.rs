//! Parameters of `#[circuit_breaker]`.

use std::time::Duration;

use crate::facts::Window as CountWindow;
use crate::time::{longer, same, same_option, shorter};
use crate::violation::same_str;
use crate::{Facts, StateOf, Text, Violation};

const MOST_CALLS: u32 = 10_000;
const MOST_PROBES: u32 = 100;
const USUAL_MIN_CALLS: u32 = 10;
const USUAL_PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Stops calling what fails, and asks again after a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CircuitBreaker {
    /// Opens when this share of the window has failed.
    pub failure_rate: f64,
    /// What the rate is taken over.
    pub window: Window,
    /// Calls before the first decision; unwritten: 10, or the window if that is smaller.
    pub min_calls: Option<u32>,
    /// Opens after so many failures in a row, whatever the window says.
    pub consecutive: Option<u32>,
    /// How long it rejects before it asks again.
    pub open_for: Duration,
    /// What `open_for` grows to while probes keep failing.
    pub max_open_for: Option<Duration>,
    /// Calls let in to ask.
    pub probes: u32,
    /// When a probe that has not ended counts as failed; unwritten: 10 s, or `open_for` if that is longer.
    pub probe_timeout: Option<Duration>,
    /// A call at least this long is slow.
    pub slow_call: Option<Duration>,
    /// Opens when this share of the window is slow.
    pub slow_rate: f64,
    /// The predicate on errors, as written.
    pub when: &'static str,
    /// The predicate on values, as written.
    pub when_ok: &'static str,
    /// Whose state it has.
    pub state: StateOf,
}

/// What a rate is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last calls.
    Calls(u32),
    /// The calls of the last time.
    Time(Duration),
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl CircuitBreaker {
    /// What stands where nothing is written.
    pub const DEFAULT: Self = Self {
        failure_rate: 0.5,
        window: Window::Time(Duration::from_secs(10)),
        min_calls: None,
        consecutive: None,
        open_for: Duration::from_secs(5),
        max_open_for: None,
        probes: 3,
        probe_timeout: None,
        slow_call: None,
        slow_rate: 1.0,
        when: "",
        when_ok: "",
        state: StateOf::OWN,
    };

    /// Calls before the first decision.
    pub const fn least_calls(&self) -> u32 {
        match (self.min_calls, self.window) {
            (Some(written), _) => written,
            (None, Window::Calls(calls)) if calls < USUAL_MIN_CALLS => calls,
            _ => USUAL_MIN_CALLS,
        }
    }

    /// When a probe that has not ended counts as failed.
    pub const fn probe_deadline(&self) -> Duration {
        match self.probe_timeout {
            Some(written) => written,
            None if longer(self.open_for, USUAL_PROBE_TIMEOUT) => self.open_for,
            None => USUAL_PROBE_TIMEOUT,
        }
    }

    pub(crate) const fn facts(&self) -> Facts {
        let window = match (self.window, self.min_calls) {
            (Window::Calls(calls), Some(min_calls)) => Some(CountWindow { calls, min_calls }),
            _ => None,
        };
        Facts { window, holds: true, watches_failure: true, ..Facts::NONE }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if let Some(found) = self.check_window(at) {
            return Some(found);
        }
        if let Some(found) = count(at, "probes", self.probes, MOST_PROBES) {
            return Some(found);
        }
        if let Some(calls) = self.consecutive && let Some(found) = count(at, "consecutive", calls, MOST_CALLS) {
            return Some(found);
        }
        if self.open_for.is_zero() {
            return Some(zero(at, "open_for"));
        }
        if let Some(max) = self.max_open_for && shorter(max, self.open_for) {
            let text = Text::new("`max_open_for` (").time(max).str(") is shorter than `open_for` (").time(self.open_for).str(")")
                .help("`open_for` grows to `max_open_for` while probes keep failing: make it longer, or leave it out");
            return Some(Violation::range(at, "max_open_for", text));
        }
        if let Some(limit) = self.probe_timeout && limit.is_zero() {
            return Some(zero(at, "probe_timeout"));
        }
        if let Some(limit) = self.slow_call && limit.is_zero() {
            return Some(zero(at, "slow_call"));
        }
        if let Some(found) = rate(at, "slow_rate", self.slow_rate) {
            return Some(found);
        }
        self.state.check(at)
    }

    const fn check_window(&self, at: usize) -> Option<Violation> {
        if let Some(found) = rate(at, "failure_rate", self.failure_rate) {
            return Some(found);
        }
        match self.window {
            Window::Calls(calls) => {
                if let Some(found) = count(at, "window", calls, MOST_CALLS) {
                    return Some(found);
                }
            }
            Window::Time(time) if time.is_zero() => return Some(zero(at, "window")),
            Window::Time(_) => {}
        }
        match self.min_calls {
            Some(calls) => count(at, "min_calls", calls, MOST_CALLS),
            None => None,
        }
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        let window = match (self.window, other.window) {
            (Window::Calls(a), Window::Calls(b)) => a == b,
            (Window::Time(a), Window::Time(b)) => same(a, b),
            _ => false,
        };
        window
            && self.failure_rate.to_bits() == other.failure_rate.to_bits()
            && self.least_calls() == other.least_calls()
            && same_count(self.consecutive, other.consecutive)
            && same(self.open_for, other.open_for)
            && same_option(self.max_open_for, other.max_open_for)
            && self.probes == other.probes
            && same(self.probe_deadline(), other.probe_deadline())
            && same_option(self.slow_call, other.slow_call)
            && self.slow_rate.to_bits() == other.slow_rate.to_bits()
            && same_str(self.when, other.when)
            && same_str(self.when_ok, other.when_ok)
            && self.state.same(&other.state)
    }
}

const fn same_count(a: Option<u32>, b: Option<u32>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        (None, None) => true,
        _ => false,
    }
}

const fn zero(at: usize, argument: &'static str) -> Violation {
    let text = Text::new("`").str(argument).str("` must be longer than zero").help("give it a time such as \"5s\"");
    Violation::range(at, argument, text)
}

const fn count(at: usize, argument: &'static str, value: u32, most: u32) -> Option<Violation> {
    if value >= 1 && value <= most {
        return None;
    }
    let text = Text::new("`").str(argument).str(" = ").num(value as u128).str("` is out of range (1 to ").num(most as u128)
        .str(")").help("it counts calls: take a number in that range");
    Some(Violation::range(at, argument, text))
}

const fn rate(at: usize, argument: &'static str, value: f64) -> Option<Violation> {
    if value > 0.0 && value <= 1.0 {
        return None;
    }
    let text = Text::new("`").str(argument).str("` is out of range (above 0, at most 1)")
        .help("write a share such as 0.5 or \"50%\": at 0 it would be open for ever, above 1 it could never open");
    Some(Violation::range(at, argument, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(change: impl FnOnce(&mut CircuitBreaker)) -> Option<&'static str> {
        let mut breaker = CircuitBreaker::DEFAULT;
        change(&mut breaker);
        breaker.check(0).map(|found| found.argument)
    }

    #[test]
    fn ranges() {
        assert_eq!(blamed(|_| ()), None);
        for rate in [0.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(blamed(|b| b.failure_rate = rate), Some("failure_rate"));
            assert_eq!(blamed(|b| b.slow_rate = rate), Some("slow_rate"));
        }
        assert_eq!(blamed(|b| b.failure_rate = 1.0), None);
        assert_eq!(blamed(|b| b.window = Window::Calls(0)), Some("window"));
        assert_eq!(blamed(|b| b.window = Window::Time(Duration::ZERO)), Some("window"));
        assert_eq!(blamed(|b| b.min_calls = Some(0)), Some("min_calls"));
        assert_eq!(blamed(|b| b.consecutive = Some(0)), Some("consecutive"));
        assert_eq!(blamed(|b| b.probes = 0), Some("probes"));
        assert_eq!(blamed(|b| b.open_for = Duration::ZERO), Some("open_for"));
        assert_eq!(blamed(|b| b.max_open_for = Some(Duration::from_secs(1))), Some("max_open_for"));
        assert_eq!(blamed(|b| b.probe_timeout = Some(Duration::ZERO)), Some("probe_timeout"));
        assert_eq!(blamed(|b| b.slow_call = Some(Duration::ZERO)), Some("slow_call"));
    }

    #[test]
    fn a_small_window_needs_no_more_calls_than_it_holds() {
        let breaker = CircuitBreaker { window: Window::Calls(4), ..CircuitBreaker::DEFAULT };
        assert_eq!(breaker.least_calls(), 4);
        assert_eq!(CircuitBreaker::DEFAULT.least_calls(), 10);
    }
}
