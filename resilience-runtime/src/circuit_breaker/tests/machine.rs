//! The machine against a model that keeps its state in the open.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use resilience_policy::circuit_breaker::CircuitBreaker;

use super::super::machine::{Admission, Machine, ProbeEnd, State};

const PROBES: u32 = 3;
const PARAMS: CircuitBreaker = CircuitBreaker {
    open_for: Duration::from_secs(1),
    max_open_for: Some(Duration::from_secs(5)),
    probes: PROBES,
    probe_timeout: Some(Duration::from_secs(2)),
    ..CircuitBreaker::DEFAULT
};

#[derive(Debug, Clone)]
enum Action {
    Pass(u64),
    Admit,
    /// The window of a generation so far back has failed.
    Trip(u32),
    /// The probe at this place among all that were ever let in ends, perhaps again.
    End(usize, ProbeEnd),
}

fn action() -> impl Strategy<Value = Action> {
    let end = prop_oneof![Just(ProbeEnd::Success), Just(ProbeEnd::Failure), Just(ProbeEnd::Neutral)];
    prop_oneof![
        1 => (0u64..1_500).prop_map(Action::Pass),
        4 => Just(Action::Admit),
        1 => (0u32..3).prop_map(Action::Trip),
        3 => (0usize..8, end).prop_map(|(at, end)| Action::End(at, end)),
    ]
}

/// What the machine should be, said as plainly as possible.
#[derive(Debug, Default)]
struct Model {
    state: ModelState,
    generation: u32,
    /// How often in a row it opened.
    row: u32,
}

#[derive(Debug, Default)]
enum ModelState {
    #[default]
    Closed,
    Open(Duration),
    /// The deadlines of the running probes, how many have succeeded, and how many came to nothing.
    Half(BTreeMap<NonZeroU32, Duration>, u32, u32),
}

impl Model {
    fn become_(&mut self, state: ModelState) {
        self.state = state;
        self.generation += 1;
    }

    fn open(&mut self, at: Duration) {
        let secs = [1, 2, 4].get(self.row as usize).copied().unwrap_or(5);
        self.row += 1;
        self.become_(ModelState::Open(at + Duration::from_secs(secs)));
    }

    /// What happens by itself. Opening after `open_for` waits for a call.
    fn look(&mut self, now: Duration) {
        if let ModelState::Half(running, ..) = &self.state
            && let Some(first) = running.values().min().copied().filter(|at| *at <= now)
        {
            self.open(first);
        }
    }

    fn name(&self) -> State {
        match self.state {
            ModelState::Closed => State::Closed,
            ModelState::Open(_) => State::Open,
            ModelState::Half(..) => State::HalfOpen,
        }
    }
}

/// A probe that was let in: its generation and its number.
type LetIn = Vec<(u32, NonZeroU32)>;

fn admit(machine: &mut Machine, model: &mut Model, let_in: &mut LetIn, now: Duration) {
    let admission = machine.admit(&PARAMS, now);
    model.look(now);
    if let ModelState::Open(until) = model.state {
        if now < until {
            assert_eq!(admission, Admission::Rejected(until.checked_sub(now)));
            return;
        }
        model.become_(ModelState::Half(BTreeMap::new(), 0, 0));
    }
    match (&mut model.state, admission) {
        (ModelState::Closed, Admission::Call) => {}
        (ModelState::Half(running, succeeded, _), Admission::Rejected(None)) => {
            assert_eq!(u32::try_from(running.len()).unwrap() + *succeeded, PROBES, "a place was free");
        }
        (ModelState::Half(running, succeeded, _), Admission::Probe(id)) => {
            running.insert(id, now + Duration::from_secs(2));
            assert!(u32::try_from(running.len()).unwrap() + *succeeded <= PROBES, "too many");
            let_in.push((model.generation, id));
        }
        (state, admission) => panic!("{admission:?} in {state:?}"),
    }
}

fn end(model: &mut Model, (generation, id): (u32, NonZeroU32), end: ProbeEnd, now: Duration) {
    model.look(now);
    if generation != model.generation {
        return;
    }
    let ModelState::Half(running, succeeded, neutral) = &mut model.state else { return };
    if running.remove(&id).is_none() {
        return;
    }
    match end {
        ProbeEnd::Neutral if *neutral == 10 * PROBES => model.open(now),
        ProbeEnd::Neutral => *neutral += 1,
        ProbeEnd::Failure => model.open(now),
        ProbeEnd::Success if *succeeded + 1 == PROBES => {
            model.row = 0;
            model.become_(ModelState::Closed);
        }
        ProbeEnd::Success => *succeeded += 1,
    }
}

proptest! {
    #[test]
    fn acts_like_its_model(actions in prop::collection::vec(action(), 1..200)) {
        let (mut machine, mut model) = (Machine::new(), Model::default());
        let (mut let_in, mut now, mut generation) = (LetIn::new(), Duration::ZERO, 0);
        for action in actions {
            match action {
                Action::Pass(ms) => now += Duration::from_millis(ms),
                Action::Admit => admit(&mut machine, &mut model, &mut let_in, now),
                Action::Trip(back) => {
                    let of = model.generation.saturating_sub(back);
                    machine.trip(of, &PARAMS, now);
                    if of == model.generation && matches!(model.state, ModelState::Closed) {
                        model.open(now);
                    }
                }
                // From the youngest on. A permit ends once: it is taken out of the list.
                Action::End(at, how) if at < let_in.len() => {
                    let probe = let_in.remove(let_in.len() - 1 - at);
                    machine.probe_ended(probe.0, probe.1, how, &PARAMS, now);
                    end(&mut model, probe, how, now);
                }
                Action::End(..) => {}
            }
            prop_assert_eq!(machine.state(), model.name());
            prop_assert_eq!(machine.generation(), model.generation);
            prop_assert!(machine.generation() >= generation, "a generation came back");
            generation = machine.generation();
        }
        // Never stuck: whatever is left running, after the longest deadlines three good probes close it.
        now += Duration::from_secs(2 + 5);
        for _ in 0..PROBES {
            match machine.admit(&PARAMS, now) {
                Admission::Call => {}
                Admission::Probe(id) => {
                    machine.probe_ended(machine.generation(), id, ProbeEnd::Success, &PARAMS, now);
                }
                Admission::Rejected(wait) => prop_assert!(false, "stuck: {wait:?}"),
            }
        }
        prop_assert_eq!(machine.state(), State::Closed);
    }

    /// Nobody learns by them whether the callee is back.
    #[test]
    fn probes_that_come_to_nothing_are_given_again_ten_times(good in 0..PROBES) {
        let mut machine = Machine::new();
        machine.trip(0, &PARAMS, Duration::ZERO);
        let now = Duration::from_secs(1);
        let mut probe = |end| match machine.admit(&PARAMS, now) {
            Admission::Probe(id) => {
                machine.probe_ended(machine.generation(), id, end, &PARAMS, now);
                machine.state()
            }
            admission => panic!("{admission:?}"),
        };
        for _ in 0..good {
            assert_eq!(probe(ProbeEnd::Success), State::HalfOpen);
        }
        for _ in 0..10 * PROBES {
            assert_eq!(probe(ProbeEnd::Neutral), State::HalfOpen);
        }
        assert_eq!(probe(ProbeEnd::Neutral), State::Open);
    }

    #[test]
    fn the_time_it_stays_open_grows_to_its_limit(failures in 1u32..100) {
        let (mut machine, mut now) = (Machine::new(), Duration::ZERO);
        machine.trip(0, &PARAMS, now);
        for failed in 0..failures {
            let Admission::Rejected(Some(wait)) = machine.admit(&PARAMS, now) else { panic!("not open") };
            prop_assert_eq!(wait.as_secs(), [1, 2, 4].get(failed as usize).copied().unwrap_or(5));
            now += wait;
            let Admission::Probe(id) = machine.admit(&PARAMS, now) else { panic!("not half-open") };
            machine.probe_ended(machine.generation(), id, ProbeEnd::Failure, &PARAMS, now);
        }
    }
}
