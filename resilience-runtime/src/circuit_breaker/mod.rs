//! The engine of `#[circuit_breaker]`: a lock-free window while it is closed, a state machine behind a lock
//! (`machine`) for the rest.

mod machine;
mod sync;
#[cfg(test)]
mod tests;
mod window;

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use resilience_policy::circuit_breaker::{CircuitBreaker as Params, Window};

use crate::event::{Decision, Event, emit, reject};
use crate::failure::Verdict;
use crate::runtime;
use crate::time::Tick;
use crate::{Error, Kind, Site};
pub use machine::State;
use machine::{Admission, Machine, ProbeEnd};
use sync::{AtomicU64, Ordering, cells};
use window::{CallWindow, Mark, Position, Streak, Tally, TimeWindow};

/// The state of one breaker.
pub(crate) struct Breaker {
    /// The generation, and in the lowest bit whether it is closed: all that a call needs to know on its way in.
    gate: AtomicU64,
    machine: Mutex<Machine>,
    /// The moment of the first use, from which the machine counts.
    origin: OnceLock<Tick>,
    times: TimeWindow,
    calls: OnceLock<CallWindow>,
    streak: Streak,
}

const fn gate(generation: u32, closed: bool) -> u64 {
    (generation as u64) << 1 | closed as u64
}

impl Breaker {
    cells! {
        pub(crate) fn new() -> Self {
            Self {
                gate: AtomicU64::new(gate(0, true)),
                machine: Mutex::new(Machine::new()),
                origin: OnceLock::new(),
                times: TimeWindow::new(),
                calls: OnceLock::new(),
                streak: Streak::new(),
            }
        }
    }

    /// The time since the first use. A clock that was set back stands still instead.
    fn clock(&self) -> Duration {
        let now = Tick::now();
        now.since(*self.origin.get_or_init(|| now))
    }

    /// Lets the machine act and tells of the states it went through.
    fn act<R>(&self, site: &'static Site, act: impl FnOnce(&mut Machine) -> R) -> R {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, generation) = (machine.state(), machine.generation());
        let result = act(&mut machine);
        let (to, now) = (machine.state(), machine.generation());
        self.gate.store(gate(now, to == State::Closed), Ordering::Release);
        drop(machine);
        // A probe that is given up on can open the breaker, and let the next probe in, in one step.
        if now != generation && from == to {
            emit(&Event { site: site.name(), decision: Decision::Transition { from, to: State::Open } });
            emit(&Event { site: site.name(), decision: Decision::Transition { from: State::Open, to } });
        } else if from != to {
            emit(&Event { site: site.name(), decision: Decision::Transition { from, to } });
        }
        result
    }

    /// Records a call that was let in while the breaker was closed, and opens it if the window has failed.
    fn record(&self, site: &'static Site, params: &Params, generation: u32, mark: Mark) {
        let expected = gate(generation, true);
        let current = || self.gate.load(Ordering::Acquire) == expected;
        if !current() {
            return;
        }
        let now = match params.window {
            Window::Time(_) => Some(self.clock()),
            Window::Calls(_) => None,
        };
        let tally = match params.window {
            Window::Time(window) => {
                let at = Position::new(generation, now.unwrap_or_default(), window);
                self.times.record(mark, at, params.slow_call.is_some(), current)
            }
            Window::Calls(calls) => {
                self.calls.get_or_init(|| CallWindow::new(calls)).record(mark, generation, current)
            }
        };
        let streak = match params.consecutive {
            Some(_) => self.streak.record(mark.failed, generation, current),
            None => None,
        };
        if tally.is_some_and(|tally| failing(params, tally)) || too_long(params, streak) {
            let now = now.unwrap_or_else(|| self.clock());
            self.act(site, |machine| machine.trip(generation, params, now));
        }
    }
}

/// Whether a window has failed: at least the threshold, over at least the least number of calls.
fn failing(params: &Params, tally: Tally) -> bool {
    // A quotient rounds to the same number as the literal: 7 of 100 are 0.07, but 0.07 * 100 is more than 7.
    let reached = |hits: u32, rate: f64| f64::from(hits) / f64::from(tally.total) >= rate;
    tally.total >= params.least_calls()
        && (reached(tally.failed, params.failure_rate)
            || params.slow_call.is_some() && reached(tally.slow, params.slow_rate))
}

fn too_long(params: &Params, streak: Option<u32>) -> bool {
    matches!((params.consecutive, streak), (Some(most), Some(streak)) if streak >= most)
}

/// The breaker of one site: its home state, which serves unless a runtime's scope has one of its own.
pub struct SiteBreaker {
    site: &'static Site,
    params: &'static Params,
    home: Breaker,
}

impl SiteBreaker {
    cells! {
        /// Closed, and not used yet.
        pub fn new(site: &'static Site, params: &'static Params) -> Self {
            Self { site, params, home: Breaker::new() }
        }
    }

    /// Lets a call in, or rejects it.
    pub fn admit(&'static self) -> Result<Permit, Error> {
        let scoped = runtime::scoped_state(&self.home, Breaker::new);
        let breaker = scoped.as_deref().unwrap_or(&self.home);
        let word = breaker.gate.load(Ordering::Acquire);
        let (generation, probe) = if word & 1 == 1 {
            (narrow(word >> 1), None)
        } else {
            let now = breaker.clock();
            let admit = |machine: &mut Machine| (machine.admit(self.params, now), machine.generation());
            match breaker.act(self.site, admit) {
                (Admission::Call, generation) => (generation, None),
                (Admission::Probe(id), generation) => (generation, Some(id)),
                (Admission::Rejected(wait), _) => {
                    let error = reject(Kind::CircuitOpen, self.site);
                    return Err(match wait {
                        Some(wait) => error.after(wait),
                        None => error,
                    });
                }
            }
        };
        let start = self.params.slow_call.map(|_| Tick::now());
        Ok(Permit { site: Some(self), scoped, generation, probe, start })
    }
}

fn narrow(generation: u64) -> u32 {
    (generation & 0xFFFF_FFFF) as u32
}

/// A call that the breaker has let in. Dropped without an outcome it was cancelled: neutral, and a probe is given
/// again. Dropped by a panic it has failed.
#[must_use = "a permit that is dropped at once counts as a cancelled call"]
pub struct Permit {
    /// `None` once the call has ended.
    site: Option<&'static SiteBreaker>,
    /// The state in a runtime's scope, instead of the site's own.
    scoped: Option<Arc<Breaker>>,
    generation: u32,
    probe: Option<NonZeroU32>,
    start: Option<Tick>,
}

impl Permit {
    /// The call has ended.
    pub fn settle(mut self, verdict: Verdict) {
        self.end(match verdict {
            Verdict::Success => Some(false),
            Verdict::Transient => Some(true),
            Verdict::Throttled(_) | Verdict::Neutral => None,
        });
    }

    /// `failed` is `None` for a call that says nothing about the callee.
    fn end(&mut self, failed: Option<bool>) {
        let Some(SiteBreaker { site, params, home }) = self.site.take() else { return };
        let breaker = self.scoped.as_deref().unwrap_or(home);
        let mark = failed.map(|failed| Mark { failed, slow: self.is_slow(params) });
        if let Some(id) = self.probe {
            let end = match mark {
                None => ProbeEnd::Neutral,
                // A probe that is too slow would open the breaker right again.
                Some(Mark { failed: false, slow: false }) => ProbeEnd::Success,
                Some(_) => ProbeEnd::Failure,
            };
            let now = breaker.clock();
            breaker.act(site, |machine| machine.probe_ended(self.generation, id, end, params, now));
        } else if let Some(mark) = mark {
            breaker.record(site, params, self.generation, mark);
        }
    }

    fn is_slow(&self, params: &Params) -> bool {
        match (self.start, params.slow_call) {
            (Some(start), Some(slow)) => Tick::now().since(start) >= slow,
            _ => false,
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(std::thread::panicking().then_some(true));
    }
}
