//! The state of one breaker: a lock-free window while it is closed, a state machine behind a lock for the rest.

use std::num::NonZeroU32;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use resilience_policy::circuit_breaker::{CircuitBreaker as Params, Window};

use super::machine::{Admission, Machine, ProbeEnd, State};
use super::sync::{AtomicU64, Ordering, cells};
use super::window::{CallWindow, Mark, Position, Streak, Tally, TimeWindow};
use crate::event::{Decision, Event, emit};
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

fn generation(word: u64) -> u32 {
    (word >> 1 & 0xFFFF_FFFF) as u32
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

    /// A call asks to be let in.
    pub(super) fn admit(&self, owner: &str, params: &Params) -> Result<Pass, Option<Duration>> {
        let word = self.gate.load(Ordering::Acquire);
        if word & 1 == 1 {
            return Ok(Pass { generation: generation(word), probe: None });
        }
        let now = self.clock();
        match self.act(owner, |machine| (machine.admit(params, now), machine.generation())) {
            (Admission::Call, generation) => Ok(Pass { generation, probe: None }),
            (Admission::Probe(id), generation) => Ok(Pass { generation, probe: Some(id) }),
            (Admission::Rejected(wait), _) => Err(wait),
        }
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
        let Some(id) = pass.probe else {
            if matches!(ended, Ended::Succeeded | Ended::Failed) {
                let mark = Mark { failed: ended == Ended::Failed, slow: slow() };
                self.record(owner, params, pass.generation, mark);
            }
            return;
        };
        let end = match ended {
            Ended::Neutral => ProbeEnd::Neutral,
            // A probe that is too slow would open the breaker right again.
            Ended::Succeeded | Ended::Answered if !slow() => ProbeEnd::Success,
            _ => ProbeEnd::Failure,
        };
        let now = self.clock();
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
        self.gate.load(Ordering::Acquire) & 1 == 1
    }

    /// The time since the first use. A clock that was set back stands still instead.
    fn clock(&self) -> Duration {
        let now = Tick::now();
        now.since(*self.origin.get_or_init(|| now))
    }

    /// Lets the machine act, and tells of the states it went through in the name of its owner.
    fn act<R>(&self, owner: &str, act: impl FnOnce(&mut Machine) -> R) -> R {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, generation) = (machine.state(), machine.generation());
        let result = act(&mut machine);
        let (to, now) = (machine.state(), machine.generation());
        self.gate.store(gate(now, to == State::Closed), Ordering::Release);
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

    /// Records a call that was let in while the breaker was closed, and opens it if the window has failed.
    fn record(&self, owner: &str, params: &Params, generation: u32, mark: Mark) {
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
            self.act(owner, |machine| machine.trip(generation, params, now));
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
