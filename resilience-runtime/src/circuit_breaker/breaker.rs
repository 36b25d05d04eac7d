//! The state of one breaker: a lock-free window while it is closed, a state machine behind a lock for the rest.

use std::num::NonZeroU32;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use resilience_policy::circuit_breaker::{CircuitBreaker as Params, Window};

use super::clock::{Clock, Real};
use super::gate::Gate;
use super::machine::{Admission, Machine, ProbeEnd, State};
use super::sync::cells;
use super::window::{CallWindow, Mark, Streak, Tally, TimeWindow, Verdict};
use crate::event::{Decision, Event, emit};
use crate::stripe;
use crate::time::Tick;

/// How a call was let in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pass {
    generation: u32,
    probe: Option<NonZeroU32>,
}

/// How a call has ended, as far as it matters to a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Succeeded,
    Failed,
    /// It failed by its own fault: that says nothing about how the callee does, and that it is there.
    Answered,
    /// It was cancelled, or its failure does not count.
    Neutral,
}

/// The state of one breaker.
pub struct Breaker {
    gate: Gate,
    machine: Mutex<Machine>,
    /// The moment of the first use, from which its time counts.
    origin: OnceLock<Tick>,
    times: TimeWindow,
    calls: OnceLock<CallWindow>,
    streak: Streak,
}

impl Breaker {
    cells! {
        pub(crate) fn new() -> Self {
            Self::with(TimeWindow::new(true))
        }
    }

    /// One of thousands, which does not grow where threads meet.
    pub(super) fn of_key() -> Self {
        Self::with(TimeWindow::new(false))
    }

    cells! {
        fn with(times: TimeWindow) -> Self {
            Self {
                gate: Gate::new(),
                machine: Mutex::new(Machine::new()),
                origin: OnceLock::new(),
                times,
                calls: OnceLock::new(),
                streak: Streak::new(),
            }
        }
    }

    #[cfg(all(test, not(resilience_loom)))]
    pub(super) fn grown() -> Self {
        Self::with(TimeWindow::grown())
    }

    /// A call asks to be let in.
    pub(super) fn admit(&self, owner: &str, params: &Params) -> Result<Pass, Option<Duration>> {
        self.admit_by(&Real, owner, params)
    }

    /// A call that was let in has ended.
    pub(super) fn end(
        &self,
        owner: &str,
        params: &Params,
        pass: Pass,
        ended: Ended,
        slow: impl Fn() -> bool,
    ) {
        self.end_by(&Real, owner, params, pass, ended, slow);
    }

    pub(super) fn admit_by(
        &self,
        clock: &impl Clock,
        owner: &str,
        params: &Params,
    ) -> Result<Pass, Option<Duration>> {
        if let Some(generation) = self.gate.closed() {
            return Ok(Pass { generation, probe: None });
        }
        if let (Some(until), Some(origin)) = (self.gate.open_until(), self.origin.get())
            && let Some(left) = clock.left(*origin, until.get())
        {
            return Err(Some(left));
        }
        let now = self.time(clock.precise());
        match self.act(owner, |machine| (machine.admit(params, now), machine.generation())) {
            (Admission::Call, generation) => Ok(Pass { generation, probe: None }),
            (Admission::Probe(id), generation) => Ok(Pass { generation, probe: Some(id) }),
            (Admission::Rejected(wait), _) => Err(wait),
        }
    }

    pub(super) fn end_by(
        &self,
        clock: &impl Clock,
        owner: &str,
        params: &Params,
        pass: Pass,
        ended: Ended,
        slow: impl Fn() -> bool,
    ) {
        let Some(id) = pass.probe else {
            if matches!(ended, Ended::Succeeded | Ended::Failed) {
                let mark = Mark { failed: ended == Ended::Failed, slow: slow() };
                if self.has_failed(clock, params, pass.generation, mark) {
                    let now = self.time(clock.precise());
                    self.act(owner, |machine| machine.trip(pass.generation, params, now));
                }
            }
            return;
        };
        let end = match ended {
            Ended::Neutral => ProbeEnd::Neutral,
            // A probe that is too slow would open the breaker right again.
            Ended::Succeeded | Ended::Answered if !slow() => ProbeEnd::Success,
            _ => ProbeEnd::Failure,
        };
        let now = self.time(clock.precise());
        self.act(owner, |machine| machine.probe_ended(pass.generation, id, end, params, now));
    }

    pub(super) fn state(&self) -> State {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner).state()
    }

    /// How many probes are out.
    pub(super) fn probes(&self) -> usize {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner).probes()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.gate.closed().is_some()
    }

    /// The time since the first use. A clock that was set back stands still instead.
    fn time(&self, now: Tick) -> Duration {
        now.since(*self.origin.get_or_init(|| now))
    }

    /// Lets the machine act, and tells of the states it went through in the name of its owner.
    fn act<R>(&self, owner: &str, act: impl FnOnce(&mut Machine) -> R) -> R {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, generation) = (machine.state(), machine.generation());
        let result = act(&mut machine);
        let (to, now) = (machine.state(), machine.generation());
        self.gate.set(&machine);
        drop(machine);
        // A probe that is given up on can open the breaker, and let the next probe in, in one step.
        if now != generation && from == to {
            emit(&Event { site: owner, decision: Decision::Transition { from, to: State::Open } });
            emit(&Event { site: owner, decision: Decision::Transition { from: State::Open, to } });
        } else if from != to {
            emit(&Event { site: owner, decision: Decision::Transition { from, to } });
        }
        result
    }

    /// Records a call that was let in while the breaker was closed. Whether the window has failed by it.
    fn has_failed(&self, clock: &impl Clock, params: &Params, generation: u32, mark: Mark) -> bool {
        let current = || self.gate.is_closed_in(generation);
        if !current() {
            return false;
        }
        let judge = |tally| judge(params, tally);
        let verdict = match params.window {
            Window::Time(window) => {
                let origin = *self.origin.get_or_init(|| clock.precise());
                let now = clock.within(window).nanos_since(origin);
                let at = self.times.position(generation, now, window);
                self.times.record(mark, at, stripe::of_thread(), current, judge)
            }
            Window::Calls(calls) => {
                let calls = self.calls.get_or_init(|| CallWindow::new(calls));
                calls.record(mark, generation, current).map(judge)
            }
        };
        let streak = match params.consecutive {
            Some(_) => self.streak.record(mark.failed, generation, current),
            None => None,
        };
        verdict == Some(Verdict::Failed) || too_long(params, streak)
    }
}

/// A window has failed with at least the threshold, over at least the least number of calls.
fn judge(params: &Params, tally: Tally) -> Verdict {
    // A quotient rounds to the same number as the literal: 7 of 100 are 0.07, but 0.07 * 100 is more than 7.
    let reached = |hits: u32, rate: f64| f64::from(hits) / f64::from(tally.total) >= rate;
    if tally.total < params.least_calls() {
        Verdict::Unknown
    } else if reached(tally.failed, params.failure_rate)
        || params.slow_call.is_some() && reached(tally.slow, params.slow_rate)
    {
        Verdict::Failed
    } else {
        Verdict::Holds
    }
}

fn too_long(params: &Params, streak: Option<u32>) -> bool {
    matches!((params.consecutive, streak), (Some(most), Some(streak)) if streak >= most)
}
