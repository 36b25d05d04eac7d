//! The state machine of a breaker: (state, event, now) -> decision. Time is the time since the breaker's first use.

use std::num::NonZeroU32;
use std::time::Duration;

use resilience_policy::circuit_breaker::CircuitBreaker;

/// How often all probes may end in nothing before the breaker opens again: nobody knows then whether the callee is back, and it
/// must not be asked for ever.
const NEUTRAL_ROUNDS: u32 = 10;

/// The state of a circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// Calls go through and are recorded.
    Closed,
    /// Calls are rejected.
    Open,
    /// A few calls go through as probes.
    HalfOpen,
}

impl State {
    /// `closed`, `open` or `half_open`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Every change of state begins a generation; what an earlier one let in has no say in a later one.
#[derive(Debug)]
pub(super) struct Machine {
    phase: Phase,
    generation: u32,
    /// How often in a row it was opened without having been closed.
    reopened: u32,
    /// The number of the next probe.
    next_probe: NonZeroU32,
}

#[derive(Debug)]
enum Phase {
    Closed,
    Open { until: Duration },
    HalfOpen { running: Vec<Probe>, succeeded: u32, neutral: u32 },
}

/// A call that asks whether the callee is back, and the time by which it must have an answer.
#[derive(Debug)]
struct Probe {
    id: NonZeroU32,
    deadline: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Admission {
    /// Closed meanwhile: an ordinary call.
    Call,
    Probe(NonZeroU32),
    /// Rejected; the time until it makes sense to ask again, where that is known.
    Rejected(Option<Duration>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeEnd {
    Success,
    Failure,
    /// Cancelled, or a failure that does not count: the probe is given again, a few times.
    Neutral,
}

impl Machine {
    pub(super) const fn new() -> Self {
        Self { phase: Phase::Closed, generation: 0, reopened: 0, next_probe: NonZeroU32::MIN }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    /// The end of the time in which it rejects every call.
    pub(super) fn open_until(&self) -> Option<Duration> {
        match self.phase {
            Phase::Open { until } => Some(until),
            _ => None,
        }
    }

    /// How many probes are out.
    pub(super) fn probes(&self) -> usize {
        match &self.phase {
            Phase::HalfOpen { running, .. } => running.len(),
            _ => 0,
        }
    }

    /// A call asks to be let in.
    pub(super) fn admit(&mut self, params: &CircuitBreaker, now: Duration) -> Admission {
        self.give_up_on_probes(params, now);
        if let Phase::Open { until } = self.phase {
            if let Some(left) = until.checked_sub(now).filter(|left| !left.is_zero()) {
                return Admission::Rejected(Some(left));
            }
            self.enter(Phase::HalfOpen { running: Vec::new(), succeeded: 0, neutral: 0 });
        }
        let Phase::HalfOpen { running, succeeded, .. } = &mut self.phase else { return Admission::Call };
        let taken = u32::try_from(running.len()).unwrap_or(u32::MAX).saturating_add(*succeeded);
        if taken >= params.probes {
            return Admission::Rejected(None);
        }
        let id = self.next_probe;
        self.next_probe = id.checked_add(1).unwrap_or(NonZeroU32::MIN);
        running.push(Probe { id, deadline: now.saturating_add(params.probe_deadline()) });
        Admission::Probe(id)
    }

    /// The window of `generation` has failed.
    pub(super) fn trip(&mut self, generation: u32, params: &CircuitBreaker, now: Duration) {
        if generation == self.generation && matches!(self.phase, Phase::Closed) {
            self.open(params, now);
        }
    }

    /// A probe that was let in under `generation` has ended.
    pub(super) fn probe_ended(
        &mut self,
        generation: u32,
        id: NonZeroU32,
        end: ProbeEnd,
        params: &CircuitBreaker,
        now: Duration,
    ) {
        self.give_up_on_probes(params, now);
        let Phase::HalfOpen { running, succeeded, neutral } = &mut self.phase else { return };
        if generation != self.generation {
            return;
        }
        running.retain(|probe| probe.id != id);
        match end {
            ProbeEnd::Neutral => {
                if *neutral >= params.probes.saturating_mul(NEUTRAL_ROUNDS) {
                    self.open(params, now);
                } else {
                    *neutral += 1;
                }
            }
            ProbeEnd::Failure => self.open(params, now),
            ProbeEnd::Success => {
                *succeeded += 1;
                if *succeeded >= params.probes {
                    self.reopened = 0;
                    self.enter(Phase::Closed);
                }
            }
        }
    }

    /// A probe that has not ended by its deadline has failed, at its deadline: nothing hangs on somebody looking.
    fn give_up_on_probes(&mut self, params: &CircuitBreaker, now: Duration) {
        let Phase::HalfOpen { running, .. } = &self.phase else { return };
        let first = running.iter().map(|probe| probe.deadline).min();
        if let Some(deadline) = first.filter(|deadline| *deadline <= now) {
            self.open(params, deadline);
        }
    }

    fn open(&mut self, params: &CircuitBreaker, now: Duration) {
        let longest = params.max_open_for.unwrap_or(params.open_for);
        let doublings = 1u32.checked_shl(self.reopened).unwrap_or(u32::MAX);
        let time = params.open_for.saturating_mul(doublings).min(longest);
        self.reopened = self.reopened.saturating_add(1);
        self.enter(Phase::Open { until: now.saturating_add(time) });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation = self.generation.wrapping_add(1);
    }
}
