//! A breaker against one that keeps a list of its calls.

use std::time::Duration;

use proptest::prelude::*;
use resilience_policy::circuit_breaker::{CircuitBreaker, Window};

use super::super::breaker::{Breaker, Ended, Pass};
use super::super::machine::State;
use super::super::window::Mark;
use super::clocks::Both;
use crate::time::Tick;

#[derive(Debug, Clone)]
enum Action {
    /// So many milliseconds go by.
    Pass(u64),
    /// A call comes, and ends if it is not kept.
    Call(Mark, bool),
    /// One that was kept ends.
    End(usize, Mark),
}

fn mark() -> impl Strategy<Value = Mark> {
    let weighted = |often| {
        (prop::bool::weighted(often), prop::bool::weighted(often))
            .prop_map(|(failed, slow)| Mark { failed, slow })
    };
    prop_oneof![3 => Just(Mark::GOOD), 2 => weighted(0.2), 1 => weighted(0.6)]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        2 => (0u64..2_500).prop_map(Action::Pass),
        12 => (mark(), prop::bool::weighted(0.1)).prop_map(|(mark, kept)| Action::Call(mark, kept)),
        1 => (0usize..4, mark()).prop_map(|(at, mark)| Action::End(at, mark)),
    ]
}

fn params() -> impl Strategy<Value = CircuitBreaker> {
    let window = prop_oneof![
        3 => Just(Window::Time(Duration::from_secs(16))),
        2 => (1u32..20).prop_map(Window::Calls),
    ];
    let rate = prop_oneof![Just(0.1), Just(0.25), Just(0.5), Just(1.0)];
    (window, prop::option::of(1u32..8), prop::option::of(1u32..6), rate.clone(), rate, any::<bool>())
        .prop_map(|(window, least, consecutive, failure_rate, slow_rate, slow)| CircuitBreaker {
            window,
            min_calls: match window {
                Window::Calls(calls) => least.map(|least| least.min(calls)),
                Window::Time(_) => least,
            },
            consecutive,
            failure_rate,
            slow_rate,
            slow_call: slow.then_some(Duration::from_secs(1)),
            open_for: Duration::from_secs(3),
            probes: 1,
            probe_timeout: Some(Duration::from_secs(1_000_000)),
            ..CircuitBreaker::DEFAULT
        })
}

/// The breaker, said as plainly as possible. One probe closes it or opens it again.
struct Model {
    params: CircuitBreaker,
    now: Duration,
    generation: u32,
    state: State,
    until: Duration,
    probing: bool,
    calls: Vec<(Duration, Mark)>,
}

impl Model {
    fn enter(&mut self, state: State) {
        self.state = state;
        self.generation += 1;
        self.until = self.now + self.params.open_for;
        self.probing = false;
        self.calls.clear();
    }

    fn admit(&mut self) -> Result<u32, Option<Duration>> {
        if self.state == State::Open {
            if self.now < self.until {
                return Err(Some(self.until.checked_sub(self.now).expect("later")));
            }
            self.enter(State::HalfOpen);
        }
        if self.state == State::HalfOpen && std::mem::replace(&mut self.probing, true) {
            return Err(None);
        }
        Ok(self.generation)
    }

    fn end(&mut self, generation: u32, mark: Mark) {
        if generation != self.generation {
            return;
        }
        if self.state == State::HalfOpen {
            self.enter(if mark == Mark::GOOD { State::Closed } else { State::Open });
            return;
        }
        self.calls.push((self.now, mark));
        let in_window: Vec<Mark> = match self.params.window {
            Window::Calls(most) => {
                let first = self.calls.len().saturating_sub(most as usize);
                self.calls[first..].iter().map(|(_, mark)| *mark).collect()
            }
            // Sixteen buckets of a second.
            Window::Time(_) => {
                let recent = |at: &Duration| self.now.as_secs() - at.as_secs() < 16;
                self.calls.iter().filter(|(at, _)| recent(at)).map(|(_, mark)| *mark).collect()
            }
        };
        #[allow(clippy::cast_precision_loss)] // a few hundred
        let share = |of: fn(&Mark) -> bool| {
            in_window.iter().filter(|mark| of(mark)).count() as f64 / in_window.len() as f64
        };
        let enough = in_window.len() >= self.params.least_calls() as usize;
        let failed = share(|mark| mark.failed) >= self.params.failure_rate
            || self.params.slow_call.is_some() && share(|mark| mark.slow) >= self.params.slow_rate;
        let row = self.calls.iter().rev().take_while(|(_, mark)| mark.failed).count();
        let in_a_row = self.params.consecutive.is_some_and(|most| row >= most as usize);
        if enough && failed || in_a_row {
            self.enter(State::Open);
        }
    }
}

fn ended(mark: Mark) -> Ended {
    if mark.failed { Ended::Failed } else { Ended::Succeeded }
}

/// Runs in another thread, and so in another stripe.
fn elsewhere<R: Send>(run: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(run).join().expect("no panic"))
}

proptest! {
    #[test]
    fn every_outcome_is_that_of_a_list(
        params in params(),
        actions in prop::collection::vec((action(), prop::bool::weighted(0.2)), 1..200),
        kind in 0..3,
    ) {
        let breaker = match kind {
            0 => Breaker::of_key(),
            1 => Breaker::new(),
            _ => Breaker::grown(),
        };
        let clock = Both::at(Tick::BASE);
        let mut model = Model {
            params,
            now: Duration::ZERO,
            generation: 0,
            state: State::Closed,
            until: Duration::ZERO,
            probing: false,
            calls: Vec::new(),
        };
        let mut kept: Vec<(Pass, u32)> = Vec::new();
        let end = |pass, mark: Mark| {
            let slow = || mark.slow && params.slow_call.is_some();
            breaker.end_by(&clock, "test", &params, pass, ended(mark), slow);
        };
        // Both count their time from the first outcome.
        let first = breaker.admit_by(&clock, "test", &params).expect("closed");
        end(first, Mark::GOOD);
        model.end(0, Mark::GOOD);
        for (action, other) in actions {
            let seen = |mark: Mark| Mark { slow: mark.slow && params.slow_call.is_some(), ..mark };
            match action {
                Action::Pass(ms) => {
                    model.now += Duration::from_millis(ms);
                    clock.set(model.now);
                }
                Action::Call(mark, keep) => {
                    let admitted = breaker.admit_by(&clock, "test", &params);
                    let expected = model.admit();
                    prop_assert_eq!(admitted.as_ref().err(), expected.as_ref().err());
                    let (Ok(pass), Ok(generation)) = (admitted, expected) else { continue };
                    if keep {
                        kept.push((pass, generation));
                        continue;
                    }
                    if other { elsewhere(|| end(pass, mark)) } else { end(pass, mark) }
                    model.end(generation, seen(mark));
                }
                Action::End(at, mark) if at < kept.len() => {
                    let (pass, generation) = kept.remove(at);
                    end(pass, mark);
                    model.end(generation, seen(mark));
                }
                Action::End(..) => {}
            }
            prop_assert_eq!(breaker.state(), model.state);
        }
    }
}
