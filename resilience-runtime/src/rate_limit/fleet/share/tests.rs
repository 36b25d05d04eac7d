use fastrand::Rng;
use proptest::prelude::*;

use super::*;

const NOBODY: &Waker = Waker::noop();
/// A thousand in a second, a hundred at once.
const RATE: Rate = Rate { interval: 1_000_000, burst: 100 };

fn tick(millis: u64) -> Tick {
    Tick::BASE.after(Duration::from_millis(millis))
}

/// A share, and the store behind it, which answers when it is told to.
struct Shared {
    share: Share,
    arrival: u64,
    draws: u32,
}

impl Shared {
    fn new(fail: Fail) -> Self {
        Self { share: Share::new(RATE, fail, Rng::with_seed(7)), arrival: 0, draws: 0 }
    }

    /// A call that does not wait.
    fn come(&mut self, weight: u32, now: Tick) -> Result<u64, Verdict> {
        self.share.come(weight, now, now, NOBODY)
    }

    /// The store answers what it is asked.
    fn answer(&mut self, now: Tick) -> bool {
        let Some(ask) = self.share.ask(now) else { return false };
        self.draws += 1;
        let drawn = match RATE.draw(self.arrival, ask.least, ask.wanted, now) {
            Ok((arrival, granted)) => {
                self.arrival = arrival;
                Drawn::Granted(granted)
            }
            Err(wait) => Drawn::NoneFor(wait),
        };
        self.share.answer(ask.number, Ok(drawn), now);
        true
    }

    /// A call comes, and the store answers at once.
    fn call(&mut self, weight: u32, now: Tick) -> Verdict {
        match self.come(weight, now) {
            Err(verdict) => verdict,
            Ok(ticket) => {
                while self.answer(now) {}
                match self.share.look(ticket, now, NOBODY) {
                    Answer::Decided(verdict) => verdict,
                    Answer::Waits(at) => panic!("it waits up to {at:?}"),
                }
            }
        }
    }

    fn fails(&mut self, now: Tick) {
        let ask = self.share.ask(now).expect("it asks");
        self.share.answer(ask.number, Err("gone".to_owned()), now);
    }

    fn news(&mut self) -> Option<(bool, u64)> {
        match self.share.tell().news? {
            News::Began { .. } => Some((true, 0)),
            News::Ended { calls, .. } => Some((false, calls)),
        }
    }
}

fn down(verdict: &Result<u64, Verdict>) -> bool {
    matches!(verdict, Err(Verdict::Down(..)))
}

#[test]
fn a_burst_passes_in_few_draws_and_then_none() {
    let mut all = Shared::new(Fail::Closed);
    for _ in 0..100 {
        assert_eq!(all.call(1, tick(0)), Verdict::Passes);
    }
    assert!(all.draws <= 8, "{}", all.draws);
    // The bucket would not overflow meanwhile, and so nobody asks before.
    let Verdict::TooLong(next) = all.call(1, tick(0)) else { panic!("there is none left") };
    assert!((tick(12)..=tick(38)).contains(&next), "a quarter of what it holds, scattered: {next:?}");
    let before = all.draws;
    assert_eq!(all.call(1, tick(11)), Verdict::TooLong(next));
    assert_eq!(all.draws, before, "who comes meanwhile is told without a look");
    for _ in 0..next.since(tick(0)).as_millis() {
        assert_eq!(all.call(1, next), Verdict::Passes);
    }
    assert!(matches!(all.call(1, next), Verdict::TooLong(_)));
}

#[test]
fn what_is_not_used_soon_is_of_no_use_and_the_next_batch_is_smaller() {
    let mut all = Shared::new(Fail::Closed);
    for _ in 0..8 {
        assert_eq!(all.call(1, tick(0)), Verdict::Passes);
    }
    assert_eq!((all.draws, all.share.permits), (4, 7));
    assert_eq!(all.call(1, tick(100)), Verdict::Passes);
    assert_eq!((all.draws, all.share.permits), (4, 6), "for a tenth of a second");
    assert_eq!(all.call(1, tick(101)), Verdict::Passes);
    assert_eq!((all.draws, all.share.permits, all.share.batch), (5, 1, 2));
}

#[test]
fn one_permit_is_one_draw() {
    let rate = Rate { interval: 3_600_000_000_000, burst: 1 };
    let mut share = Share::new(rate, Fail::Closed, Rng::with_seed(7));
    let ticket = share.come(1, tick(0), tick(0), NOBODY).expect("it waits for the store");
    let ask = share.ask(tick(0)).expect("it asks");
    assert_eq!((ask.least, ask.wanted), (1, 1));
    share.answer(ask.number, Ok(Drawn::Granted(1)), tick(20));
    // The caller is gone. The permit is here for as long as another one takes to come.
    share.leave(ticket, tick(20));
    assert_eq!(share.come(1, tick(3_500_000), tick(3_500_000), NOBODY), Err(Verdict::Passes));
}

#[test]
fn one_draw_at_a_time_serves_all_who_have_come() {
    let mut all = Shared::new(Fail::Closed);
    let first = all.come(1, tick(0)).expect("it waits");
    let ask = all.share.ask(tick(0)).expect("it asks");
    assert_eq!((ask.least, ask.wanted), (1, 1));
    let others: Vec<_> = (0..50).map(|_| all.come(1, tick(1)).expect("it waits")).collect();
    assert_eq!(all.share.ask(tick(1)), None);
    all.share.answer(ask.number, Ok(Drawn::Granted(1)), tick(2));
    assert_eq!(all.share.look(first, tick(2), NOBODY), Answer::Decided(Verdict::Passes));
    let ask = all.share.ask(tick(2)).expect("for all of them");
    assert_eq!((ask.least, ask.wanted), (1, 50));
    all.share.answer(ask.number, Ok(Drawn::Granted(30)), tick(3));
    let mut seen = others.iter().map(|ticket| all.share.look(*ticket, tick(3), NOBODY));
    assert!(seen.by_ref().take(30).all(|answer| answer == Answer::Decided(Verdict::Passes)));
    assert!(seen.all(|answer| matches!(answer, Answer::Decided(Verdict::TooLong(_)))), "nobody hangs");
}

#[test]
fn those_who_wait_are_served_in_order_and_the_light_do_not_overtake() {
    let mut all = Shared::new(Fail::Closed);
    for _ in 0..100 {
        assert_eq!(all.call(1, tick(0)), Verdict::Passes);
    }
    assert!(matches!(all.call(1, tick(0)), Verdict::TooLong(_)));
    let latest = tick(1_000);
    let heavy = all.share.come(80, latest, tick(0), NOBODY).expect("it waits");
    let light = all.share.come(1, latest, tick(0), NOBODY).expect("it waits");
    let [Answer::Waits(first), Answer::Waits(second)] =
        [heavy, light].map(|ticket| all.share.look(ticket, tick(0), NOBODY))
    else {
        panic!("both wait")
    };
    // Rounded to a whole permit.
    assert!((tick(80)..=tick(81)).contains(&first) && second == first.after(Duration::from_millis(1)));
    assert!(!all.answer(tick(79)));
    assert!(all.answer(first));
    assert_eq!(all.share.look(heavy, first, NOBODY), Answer::Decided(Verdict::Passes));
    assert!(matches!(all.share.look(light, first, NOBODY), Answer::Waits(_)));
}

#[test]
fn what_is_here_is_for_the_first_in_the_line() {
    let mut all = Shared::new(Fail::Closed);
    for _ in 0..4 {
        assert_eq!(all.call(1, tick(0)), Verdict::Passes);
    }
    assert_eq!(all.share.permits, 3);
    let heavy = all.come(5, tick(0)).expect("it waits for the store");
    let light = all.come(1, tick(0)).expect("it waits behind");
    let ask = all.share.ask(tick(0)).expect("what is missing");
    assert_eq!((ask.least, ask.wanted), (2, 4));
    all.share.answer(ask.number, Ok(Drawn::Granted(2)), tick(1));
    assert_eq!(all.share.look(heavy, tick(1), NOBODY), Answer::Decided(Verdict::Passes));
    assert!(matches!(all.share.look(light, tick(1), NOBODY), Answer::Decided(Verdict::TooLong(_))));
}

#[test]
fn a_dead_store_is_left_alone_for_longer_and_longer() {
    let mut all = Shared::new(Fail::Closed);
    let (mut now, mut asked) = (0, Vec::new());
    while now < 10_000 {
        if all.come(1, tick(now)).is_ok() {
            all.fails(tick(now));
            asked.push(now);
        }
        now += 1;
    }
    assert_eq!(all.news(), Some((true, 0)));
    // Twice as long each time, and each time somewhere in the second half of it.
    let pauses: Vec<_> = asked.windows(2).map(|asked| asked[1] - asked[0]).collect();
    let wholes = || [100, 200, 400, 800].into_iter().chain(std::iter::repeat(1_000));
    let in_range = |(pause, whole): (&u64, u64)| (whole / 2..=whole).contains(pause);
    assert!(pauses.iter().zip(wholes()).all(in_range), "{pauses:?}");
    let whole = pauses.iter().zip(wholes()).filter(|(pause, whole)| *pause == whole).count();
    assert!(whole <= 2, "scattered: {pauses:?}");
    assert!((10..=20).contains(&asked.len()), "{asked:?}");
    let verdict = all.come(1, tick(now));
    let Err(Verdict::Down(until, why)) = verdict else { panic!("{verdict:?}") };
    assert_eq!(&*why, "gone");
    assert_eq!(all.call(1, until), Verdict::Passes);
    assert_eq!(all.news(), Some((false, 10_001)));
}

#[test]
fn while_one_tries_the_others_do_not_wait() {
    for fail in [Fail::Open, Fail::Closed] {
        let mut all = Shared::new(fail);
        all.come(1, tick(0)).expect("it waits");
        all.fails(tick(0));
        // The next one tries: under `open` it has passed already.
        assert_eq!(all.come(1, tick(200)).is_ok(), fail == Fail::Closed);
        let ask = all.share.ask(tick(200)).expect("it tries");
        let next = all.come(1, tick(201));
        assert_eq!((down(&next), next == Err(Verdict::Passes)), (fail == Fail::Closed, fail == Fail::Open));
        all.share.answer(ask.number, Ok(Drawn::Granted(ask.wanted)), tick(210));
        assert_eq!(all.news().map(|news| news.0), Some(false));
    }
}

#[test]
fn a_draw_without_an_answer_has_failed_and_its_late_answer_is_nothing() {
    let mut all = Shared::new(Fail::Closed);
    let ticket = all.come(1, tick(0)).expect("it waits");
    let ask = all.share.ask(tick(0)).expect("it asks");
    assert_eq!(all.share.look(ticket, tick(999), NOBODY), Answer::Waits(tick(1_000)));
    let answer = all.share.look(ticket, tick(1_000), NOBODY);
    assert!(matches!(answer, Answer::Decided(Verdict::Down(..))), "{answer:?}");
    all.share.answer(ask.number, Ok(Drawn::Granted(1)), tick(1_001));
    assert_eq!(all.share.permits, 0);
    assert!(down(&all.come(1, tick(1_001))));
    // Nor is it the answer to the next draw.
    let ticket = all.come(1, tick(1_100)).expect("it tries");
    let next = all.share.ask(tick(1_100)).expect("it asks");
    all.share.answer(ask.number, Ok(Drawn::Granted(1)), tick(1_101));
    assert!(matches!(all.share.look(ticket, tick(1_101), NOBODY), Answer::Waits(_)));
    all.share.answer(next.number, Ok(Drawn::Granted(1)), tick(1_102));
    assert_eq!(all.share.look(ticket, tick(1_102), NOBODY), Answer::Decided(Verdict::Passes));
}

#[test]
fn who_leaves_in_front_lets_the_next_ask() {
    let mut all = Shared::new(Fail::Closed);
    for _ in 0..100 {
        assert_eq!(all.call(1, tick(0)), Verdict::Passes);
    }
    assert!(matches!(all.call(1, tick(0)), Verdict::TooLong(_)));
    let one = all.share.come(50, tick(1_000), tick(0), NOBODY).expect("it waits");
    let two = all.share.come(1, tick(1_000), tick(0), NOBODY).expect("it waits");
    all.share.leave(one, tick(1));
    assert!(all.share.line.len() == 1 && !all.share.tell().woken.is_empty());
    assert!(all.answer(tick(40)));
    assert_eq!(all.share.look(two, tick(40), NOBODY), Answer::Decided(Verdict::Passes));
}

/// What the bucket holds, and what comes back while they wait: nobody else joins the line, whatever becomes of the draw.
#[test]
fn while_a_draw_is_out_the_line_is_no_longer_than_those_in_it_can_wait_for() {
    let mut all = Shared::new(Fail::Closed);
    let waits = |millis, weight, all: &mut Shared| all.share.come(weight, tick(millis), tick(0), NOBODY);
    all.come(1, tick(0)).expect("it waits for the store");
    all.share.ask(tick(0)).expect("it asks");
    assert!((1..100).all(|_| all.come(1, tick(0)).is_ok()));
    assert_eq!(
        all.come(1, tick(0)),
        Err(Verdict::TooLong(tick(1))),
        "a burst of 100 is all that can be there"
    );
    assert_eq!(waits(49, 50, &mut all), Err(Verdict::TooLong(tick(50))), "it comes back at the rate");
    assert!(waits(50, 50, &mut all).is_ok());
    assert_eq!(all.share.come(1, tick(30), tick(30), NOBODY), Err(Verdict::TooLong(tick(51))));
    assert!(
        all.share.come(1, tick(51), tick(51), NOBODY).is_ok(),
        "it has come back since the draw was sent"
    );
    let waiting = (0..40_000).filter(|_| waits(1_000, 1, &mut all).is_ok()).count();
    assert_eq!(waiting, 1_100 - 151);
    assert_eq!(all.share.owed, 1_100);
}

/// However they come and go: a crowd ten times as large takes some ten times as long, not a hundred.
#[test]
fn a_crowd_costs_no_more_than_its_size() {
    let most = |n: u32| Rate { interval: 1_000, burst: n };
    let crowd = |n: u32, draws: bool| {
        let mut share = Share::new(most(n), Fail::Closed, Rng::with_seed(7));
        let mut random = Rng::with_seed(7);
        let start = std::time::Instant::now();
        let mut tickets: Vec<_> = (0..n)
            .map(|_| {
                let came = share.come(1, tick(1_000), tick(0), NOBODY);
                if draws {
                    share.ask(tick(0));
                }
                came.expect("it waits")
            })
            .collect();
        random.shuffle(&mut tickets);
        if draws {
            // Half of them are served, and leave without a word of it: those behind get their permits.
            share.answer(1, Ok(Drawn::Granted(1)), tick(1));
            let ask = share.ask(tick(1)).expect("for the rest");
            share.answer(ask.number, Ok(Drawn::Granted(n / 2)), tick(1));
        }
        for ticket in tickets {
            share.look(ticket, tick(1), NOBODY);
            share.leave(ticket, tick(1));
        }
        assert!(share.owed == 0 && share.line.is_empty() && share.decided.is_empty());
        start.elapsed()
    };
    for draws in [false, true] {
        // As long as the large one takes if it takes ten times as long, so that a busy machine hits both alike; and not every
        // time.
        let ratios = (0..5).map(|_| {
            let small: Duration = (0..10).map(|_| crowd(4_000, draws)).sum();
            crowd(40_000, draws).as_secs_f64() / small.as_secs_f64()
        });
        let ratios: Vec<_> = ratios.collect();
        assert!(
            ratios.iter().any(|ratio| *ratio < 2.0),
            "ten times as many take ten times these: {ratios:?}"
        );
    }
}

/// Nothing has changed for the one in front.
#[test]
fn who_leaves_further_back_wakes_nobody() {
    let mut all = Shared::new(Fail::Closed);
    let tickets: Vec<_> = (0..3).map(|_| all.come(1, tick(0)).expect("it waits")).collect();
    all.share.leave(tickets[1], tick(0));
    let told = all.share.tell();
    assert_eq!((told.woken.len(), told.dropped.len()), (0, 1));
    all.share.leave(tickets[0], tick(0));
    assert_eq!(all.share.tell().woken.len(), 1, "the next one asks");
}

#[derive(Debug, Clone)]
enum Step {
    Calls { process: usize, count: u32, weight: u32, wait: u64 },
    Leave { process: usize, which: usize },
    Answer { process: usize, lost: bool },
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let process = 0..3_usize;
    let step = prop_oneof![
        6 => (process.clone(), 1..40_u32, 1..4_u32, 0..300_u64)
            .prop_map(|(process, count, weight, wait)| Step::Calls { process, count, weight, wait }),
        1 => (process.clone(), any::<prop::sample::Index>())
            .prop_map(|(process, which)| Step::Leave { process, which: which.index(8) }),
        4 => (process, prop::bool::weighted(0.05)).prop_map(|(process, lost)| Step::Answer { process, lost }),
        2 => prop_oneof![3 => 1..60_u64, 1 => 200..400_u64].prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..150)
}

struct Process {
    share: Share,
    asked: Option<Ask>,
    tickets: Vec<(u64, u32)>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Three processes over one store: what passes was drawn before, and no earlier than a permit stays fresh. So over any
    /// time it is at most the burst, and what came back in that time and the freshness before it.
    #[test]
    fn no_more_passes_than_the_limit_and_what_is_fresh(steps in steps()) {
        let fresh = FRESH;
        let new = || Process { share: Share::new(RATE, Fail::Closed, Rng::new()), asked: None, tickets: Vec::new() };
        let mut processes = [new(), new(), new()];
        let (mut arrival, mut now, mut longest) = (0, 0_u64, 0_u64);
        let mut passed: Vec<(u64, u32)> = Vec::new();
        for step in steps {
            match step {
                Step::Pass(millis) => now += millis,
                Step::Calls { process, count, weight, wait } => {
                    let it = &mut processes[process];
                    for _ in 0..count {
                        match it.share.come(weight, tick(now + wait), tick(now), NOBODY) {
                            Ok(ticket) => it.tickets.push((ticket, weight)),
                            Err(Verdict::Passes) => passed.push((now, weight)),
                            Err(_) => {}
                        }
                    }
                }
                Step::Leave { process, which } => {
                    let it = &mut processes[process];
                    if which < it.tickets.len() {
                        let (ticket, _) = it.tickets.remove(which);
                        it.share.leave(ticket, tick(now));
                    }
                }
                Step::Answer { process, lost } => {
                    let it = &mut processes[process];
                    if let Some(ask) = it.asked.take() {
                        let asked_at = it.share.asked.as_ref().map(|asked| asked.at);
                        longest = longest.max(asked_at.map_or(0, |at| {
                            u64::try_from(tick(now).since(at).as_millis()).expect("short")
                        }));
                        let drawn = match RATE.draw(arrival, ask.least, ask.wanted, asked_at.unwrap_or(tick(now))) {
                            Ok((next, granted)) => {
                                arrival = next;
                                Drawn::Granted(granted)
                            }
                            Err(wait) => Drawn::NoneFor(wait),
                        };
                        let answer = if lost { Err("lost".to_owned()) } else { Ok(drawn) };
                        it.share.answer(ask.number, answer, tick(now));
                    }
                }
            }
            for it in &mut processes {
                it.tickets.retain(|(ticket, weight)| match it.share.look(*ticket, tick(now), NOBODY) {
                    Answer::Waits(_) => true,
                    Answer::Decided(verdict) => {
                        if verdict == Verdict::Passes {
                            passed.push((now, *weight));
                        }
                        false
                    }
                });
                if let Some(ask) = it.share.ask(tick(now)) {
                    it.asked = Some(ask);
                }
            }
        }
        let slack = u64::try_from(fresh.as_millis()).expect("short").max(longest);
        for (first, (from, _)) in passed.iter().enumerate() {
            let mut sum = 0;
            for (to, weight) in &passed[first..] {
                sum += u64::from(*weight);
                let most = u64::from(RATE.burst) + (to - from) + slack;
                prop_assert!(sum <= most, "{sum} from {from} to {to}, and {most} may");
            }
        }
    }
}
