use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;
use resilience_policy::rate_limit::RateLimit as Params;

use super::*;

const NOBODY: &Waker = Waker::noop();
/// One permit per microsecond, and three at once.
const LIMIT: Rate = Rate { interval: INTERVAL, burst: 3 };
const INTERVAL: u64 = 1_000;

fn tick(nanos: u64) -> Tick {
    Tick::BASE.after(Duration::from_nanos(nanos))
}

/// Joins without a limit on the wait.
fn wait(state: &State, weight: u32, now: u64) -> (u64, Tick) {
    match state.join(LIMIT, weight, tick(now), |_| true, NOBODY) {
        Answer::Waits(ticket, at) => (ticket, at),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_burst_passes_and_the_rest_at_the_rate() {
    let state = State::new();
    for _ in 0..3 {
        assert_eq!(state.pass(LIMIT, 1, tick(0)), Ok(()));
    }
    assert_eq!(state.pass(LIMIT, 1, tick(0)), Err(tick(1_000)));
    assert_eq!(state.pass(LIMIT, 3, tick(0)), Err(tick(3_000)));
    assert_eq!(state.pass(LIMIT, 1, tick(999)), Err(tick(1_000)), "who is rejected takes nothing");
    assert_eq!(state.pass(LIMIT, 1, tick(1_000)), Ok(()));
    assert_eq!(state.pass(LIMIT, 1, tick(1_000)), Err(tick(2_000)));
    assert_eq!(state.pass(LIMIT, 3, tick(9_000)), Ok(()), "no more than a burst comes back");
    assert_eq!(state.pass(LIMIT, 1, tick(9_000)), Err(tick(10_000)));
}

#[test]
fn a_clock_that_stands_still_or_goes_back_gives_nothing() {
    let state = State::new();
    assert_eq!(state.pass(LIMIT, 3, tick(5_000)), Ok(()));
    for now in [5_000, 4_000, 0, 5_000] {
        assert!(state.pass(LIMIT, 1, tick(now)).is_err(), "{now}");
    }
    assert!(state.pass(LIMIT, 1, Tick::of(1)).is_err());
    assert_eq!(state.pass(LIMIT, 1, tick(6_000)), Ok(()));
}

#[test]
fn the_extremes() {
    let (day, most) = (Duration::from_hours(24), 1_000_000_000);
    for (permits, per, burst) in
        [(1, day, 365), (most, day, most), (most, day, 1), (1_000_000, Duration::from_secs(1), most)]
    {
        let limit = Rate::of(&Params { permits, per, burst: Some(burst), ..Params::DEFAULT });
        let state = State::new();
        let interval = Duration::from_nanos(limit.interval);
        assert_eq!(state.pass(limit, burst, tick(0)), Ok(()));
        assert_eq!(state.pass(limit, burst, tick(0)), Err(tick(0).after(interval * burst)), "{limit:?}");
        assert_eq!(state.pass(limit, 1, tick(0).after(interval)), Ok(()));
        assert!(state.pass(limit, 1, tick(0).after(interval)).is_err());
    }
}

#[test]
fn those_behind_move_forward() {
    let state = State::new();
    assert_eq!(state.pass(LIMIT, 3, tick(0)), Ok(()));
    let (heavy, light, last) = (wait(&state, 3, 0), wait(&state, 1, 0), wait(&state, 1, 0));
    assert_eq!([heavy.1, light.1, last.1], [3_000, 4_000, 5_000].map(tick));
    assert_eq!(state.pass(LIMIT, 1, tick(2_900)), Err(tick(6_000)), "nobody overtakes");
    state.give_back(heavy.0, tick(2_900));
    assert_eq!([light.0, last.0].map(|ticket| state.moment(ticket, NOBODY)), [1_000, 2_000].map(tick));
    state.spend(light.0, tick(2_900));
    state.spend(last.0, tick(2_900));
    assert_eq!(state.pass(LIMIT, 1, tick(2_900)), Err(tick(3_000)), "both have passed");
}

/// The permits of one that leaves after its moment have come back by themselves.
#[test]
fn nothing_is_given_back_twice() {
    for (leaves, next) in [(500, 1_000), (1_000, 1_000), (4_000, 4_000), (4_500, 4_500), (9_000, 9_000)] {
        let state = State::new();
        assert_eq!(state.pass(LIMIT, 3, tick(0)), Ok(()));
        let (one, _) = wait(&state, 1, 0);
        state.give_back(one, tick(leaves));
        assert_eq!(
            state.pass(LIMIT, 3, tick(leaves)).err().unwrap_or(tick(leaves)),
            tick(next.max(3_000)),
            "{leaves}"
        );
    }
    let state = State::new();
    assert_eq!(state.pass(LIMIT, 3, tick(0)), Ok(()));
    let (one, two) = (wait(&state, 1, 0), wait(&state, 1, 0));
    state.spend(two.0, tick(3_500));
    // An older time than one that is known is not believed.
    state.give_back(one.0, tick(500));
    assert_eq!(state.pass(LIMIT, 3, tick(3_500)), Err(tick(4_500)));
}

/// One who waits and is never polled holds up nobody.
#[test]
fn nobody_depends_on_the_one_in_front() {
    let state = State::new();
    assert_eq!(state.pass(LIMIT, 3, tick(0)), Ok(()));
    let (_idle, next) = (wait(&state, 1, 0), wait(&state, 1, 0));
    assert_eq!(state.moment(next.0, NOBODY), tick(2_000));
    state.spend(next.0, tick(2_000));
    assert_eq!(state.pass(LIMIT, 1, tick(3_000)), Ok(()));
}

/// The simple model: a bucket that fills, and a line of which the first takes what is there.
struct Model {
    now: u64,
    bucket: u64,
    line: VecDeque<(usize, u32)>,
    passed: Vec<(usize, u64)>,
}

impl Model {
    const FULL: u64 = 3 * INTERVAL;

    fn advance(&mut self, to: u64) {
        while let Some((call, weight)) = self.line.front().copied() {
            let at = self.now + (u64::from(weight) * INTERVAL).saturating_sub(self.bucket);
            if at > to {
                break;
            }
            self.fill(at);
            self.bucket -= u64::from(weight) * INTERVAL;
            self.passed.push((call, at));
            self.line.pop_front();
        }
        self.fill(to);
    }

    fn fill(&mut self, to: u64) {
        self.bucket = Self::FULL.min(self.bucket + (to - self.now));
        self.now = to;
    }

    /// When a call that comes now would pass.
    fn promise(&self, weight: u32) -> u64 {
        let owed = self.line.iter().map(|(_, weight)| weight).sum::<u32>() + weight;
        self.now + (u64::from(owed) * INTERVAL).saturating_sub(self.bucket)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Advance(u64),
    Call { weight: u32, max_wait: u64 },
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..2_500_u64).prop_map(Step::Advance),
        (1..=3_u32, 0..9_000_u64).prop_map(|(weight, max_wait)| Step::Call { weight, max_wait }),
        (0..6_usize).prop_map(Step::Leave),
    ]
}

/// The real thing, where everybody is polled in time.
#[derive(Default)]
struct Real {
    now: u64,
    line: Vec<(usize, u64)>,
    passed: Vec<(usize, u64)>,
}

impl Real {
    fn advance(&mut self, state: &State, to: u64) {
        while let Some((call, ticket)) = self.line.first().copied() {
            let at = self
                .now
                .max(state.moment(ticket, NOBODY).since(Tick::BASE).as_nanos().try_into().expect("small"));
            if at > to {
                break;
            }
            self.now = at;
            state.spend(ticket, tick(at));
            self.passed.push((call, at));
            self.line.remove(0);
        }
        self.now = to;
    }
}

proptest! {
    #[test]
    fn it_is_a_bucket_with_a_line(steps in proptest::collection::vec(step(), 1..60)) {
        let state = State::new();
        let mut model = Model { now: 0, bucket: Model::FULL, line: VecDeque::new(), passed: Vec::new() };
        let mut real = Real::default();
        let mut weights = Vec::new();
        for step in steps {
            match step {
                Step::Advance(time) => {
                    model.advance(model.now + time);
                    real.advance(&state, real.now + time);
                }
                Step::Call { weight, max_wait } => {
                    let (call, now) = (weights.len(), real.now);
                    weights.push(weight);
                    let promise = model.promise(weight);
                    let latest = tick(now + max_wait);
                    match state.join(LIMIT, weight, tick(now), |at| at <= latest, NOBODY) {
                        Answer::Passes => {
                            prop_assert_eq!(promise, now);
                            real.passed.push((call, now));
                        }
                        Answer::Waits(ticket, at) => {
                            prop_assert_eq!(tick(promise), at);
                            real.line.push((call, ticket));
                        }
                        Answer::TooLong(at) => {
                            prop_assert_eq!(tick(promise), at);
                            prop_assert!(at > latest);
                        }
                    }
                    if promise <= now + max_wait {
                        model.line.push_back((call, weight));
                    }
                }
                Step::Leave(index) => {
                    if index < real.line.len() {
                        let (call, ticket) = real.line.remove(index);
                        state.give_back(ticket, tick(real.now));
                        model.line.retain(|(other, _)| *other != call);
                    }
                }
            }
            model.advance(model.now);
            real.advance(&state, real.now);
            prop_assert_eq!(&model.passed, &real.passed);
        }
        for (from, (_, start)) in real.passed.iter().enumerate() {
            let mut taken = 0;
            for (call, at) in &real.passed[from..] {
                taken += u64::from(weights[*call]);
                prop_assert!(taken * INTERVAL <= Model::FULL + at - start, "{:?}", real.passed);
            }
        }
        // Nothing is lost: without those who wait, the next one gets what it would have got.
        model.line.clear();
        real.line.drain(..).for_each(|(_, ticket)| state.give_back(ticket, tick(real.now)));
        let next = state.pass(LIMIT, 3, tick(real.now)).err().unwrap_or(tick(real.now));
        prop_assert_eq!(next, tick(model.promise(3)));
    }
}

proptest! {
    /// Whoever is polled late or never: what came since some moment, and has passed by now, is no more than a burst and
    /// the rate.
    #[test]
    fn late_polls_give_nothing_away(steps in proptest::collection::vec((step(), 0..8_usize), 1..60)) {
        let (state, mut now) = (State::new(), 0);
        let (mut line, mut passed) = (Vec::new(), Vec::new());
        for (step, polled) in steps {
            match step {
                Step::Advance(time) => now += time,
                Step::Call { weight, .. } => match state.join(LIMIT, weight, tick(now), |_| true, NOBODY) {
                    Answer::Waits(ticket, _) => line.push((ticket, weight, now)),
                    _ => passed.push((weight, now)),
                },
                Step::Leave(index) if index < line.len() => state.give_back(line.remove(index).0, tick(now)),
                Step::Leave(_) => {}
            }
            if let Some((ticket, weight, came)) = line.get(polled).copied()
                && state.moment(ticket, NOBODY) <= tick(now)
            {
                state.spend(ticket, tick(now));
                line.remove(polled);
                passed.push((weight, came));
            }
            for (_, start) in &passed {
                let since = passed.iter().filter(|(_, came)| came >= start);
                let taken: u64 = since.map(|(weight, _)| u64::from(*weight)).sum();
                prop_assert!(taken * INTERVAL <= Model::FULL + now - start);
            }
        }
    }
}

/// Threads in a moment that does not pass: what is taken is what has passed, to the last permit.
#[test]
fn under_threads_nothing_is_lost() {
    let limit = Rate { burst: 4_000, ..LIMIT };
    let state = State::new();
    let passed = AtomicU64::new(0);
    let work = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..2_000 {
            let weight = random.u32(1..=3);
            let answer = if random.bool() {
                state.pass(limit, weight, tick(0)).map_or_else(Answer::TooLong, |()| Answer::Passes)
            } else {
                state.join(limit, weight, tick(0), |_| true, NOBODY)
            };
            match answer {
                Answer::Passes => drop(passed.fetch_add(weight.into(), Ordering::SeqCst)),
                Answer::Waits(ticket, _) => {
                    if random.bool() {
                        std::thread::yield_now();
                    }
                    state.give_back(ticket, tick(0));
                }
                Answer::TooLong(_) => {}
            }
        }
    };
    std::thread::scope(|scope| (0..8).for_each(|seed| drop(scope.spawn(move || work(seed)))));
    let passed = passed.into_inner();
    assert!((3_998..=4_000).contains(&passed), "{passed}");
    assert_eq!(state.arrival.load(Ordering::SeqCst), tick(passed * INTERVAL).nanos());
    assert!(state.lock().waiting.is_empty());
}

/// Threads while time passes: never more than a burst and the rate.
#[test]
fn under_threads_never_too_many() {
    let state = State::new();
    let (clock, passed) = (AtomicU64::new(0), AtomicU64::new(0));
    let now = || tick(clock.fetch_add(100, Ordering::SeqCst));
    let work = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..5_000 {
            let weight = random.u32(1..=3);
            let got_through = match state.join(LIMIT, weight, now(), |_| true, NOBODY) {
                Answer::Waits(ticket, _) => loop {
                    let now = now();
                    let due = state.moment(ticket, NOBODY) <= now;
                    if due {
                        state.spend(ticket, now);
                        break true;
                    }
                    if random.u8(..) < 32 {
                        state.give_back(ticket, now);
                        break false;
                    }
                    std::thread::yield_now();
                },
                answer => answer == Answer::Passes,
            };
            if got_through {
                passed.fetch_add(weight.into(), Ordering::SeqCst);
            }
        }
    };
    std::thread::scope(|scope| (0..8).for_each(|seed| drop(scope.spawn(move || work(seed)))));
    let (passed, time) = (passed.into_inner(), clock.into_inner());
    assert!(passed <= 3 + time / INTERVAL, "{passed} in {time}");
    assert!(passed * 2 > time / INTERVAL, "{passed} in {time}");
    assert!(state.lock().waiting.is_empty());
    assert_eq!(state.pass(LIMIT, 3, tick(time + 3 * INTERVAL)), Ok(()));
}
