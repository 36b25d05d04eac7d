//! Who gets a connection, event by event, and in any order.

use std::cell::Cell;
use std::rc::Rc;

use super::Precedence::{First, Second};
use super::*;

const LIMIT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq)]
struct Connection(u32);

impl Breaks for Connection {
    fn is_broken(&self) -> bool {
        self.0 == 13
    }
}

#[derive(Debug, Clone)]
struct Caller(u32, Rc<Cell<bool>>);

impl Caller {
    fn new(number: u32) -> Self {
        Self(number, Rc::default())
    }
}

impl Waits for Caller {
    fn has_left(&self) -> bool {
        self.1.get()
    }
}

fn at(ms: u64) -> Tick {
    Tick::BASE.after(Duration::from_millis(ms))
}

fn lending(most: usize) -> Lending<Connection, Caller> {
    Lending::new(most, LIMIT)
}

fn handed(next: &Next<Connection, Caller>) -> Option<(u32, u32)> {
    next.hand.as_ref().map(|(caller, connection)| (caller.0, connection.0))
}

fn waiting(lending: &Lending<Connection, Caller>) -> usize {
    lending.queues.iter().map(VecDeque::len).sum()
}

fn refused() -> Fault {
    Fault::unsent("refused".to_owned())
}

#[test]
fn a_connection_is_made_for_each_who_waits_up_to_the_most() {
    let mut lending = lending(2);
    let connects: Vec<_> =
        (0..4).map(|who| lending.arrive(Caller::new(who), Second, at(0)).connect).collect();
    assert_eq!(connects, [true, true, false, false]);
    assert_eq!(handed(&lending.connected(Connection(1), at(1))), Some((0, 1)));
    assert_eq!(handed(&lending.connected(Connection(2), at(1))), Some((1, 2)));
    let took = Duration::from_millis(1);
    assert_eq!(handed(&lending.returned(Connection(1), took, at(2))), Some((2, 1)), "in their order");
    assert_eq!(handed(&lending.returned(Connection(2), took, at(2))), Some((3, 2)));
    assert_eq!(handed(&lending.returned(Connection(1), took, at(3))), None);
    assert_eq!(handed(&lending.arrive(Caller::new(4), Second, at(4))), Some((4, 1)), "it was idle");
}

#[test]
fn what_was_begun_is_ended_before_more_is_begun() {
    let mut lending = lending(1);
    lending.arrive(Caller::new(0), Second, at(0));
    lending.connected(Connection(1), at(0));
    for (who, precedence) in [(1, Second), (2, First), (3, Second), (4, First)] {
        lending.arrive(Caller::new(who), precedence, at(1));
    }
    let next = |lending: &mut Lending<_, _>| handed(&lending.returned(Connection(1), Duration::ZERO, at(2)));
    let order = [2, 4, 1, 3].map(|who| (Some((who, 1)), next(&mut lending)));
    assert!(order.iter().all(|(expected, handed)| expected == handed), "{order:?}");
}

#[test]
fn one_that_broke_while_it_was_idle_is_not_handed_on() {
    let mut lending = lending(1);
    assert!(lending.arrive(Caller::new(0), Second, at(0)).connect);
    lending.connected(Connection(13), at(0));
    lending.returned(Connection(13), Duration::ZERO, at(0));
    let next = lending.arrive(Caller::new(1), Second, at(1));
    assert!(next.connect && next.closed == [Connection(13)] && next.hand.is_none());
}

/// The server stood still for as long as those at the head can wait.
#[test]
fn after_a_stall_nobody_is_served_who_has_no_time_left() {
    let mut lending = lending(1);
    lending.arrive(Caller::new(0), Second, at(0));
    lending.connected(Connection(1), at(0));
    for (who, ms) in (1..).zip([0, 400, 1_500, 1_990]) {
        lending.arrive(Caller::new(who), Second, at(ms));
    }
    let next = lending.returned(Connection(1), Duration::from_millis(2), at(2_000));
    assert_eq!(next.refused.len(), 1, "its time is over");
    assert!(next.refused[0].1.to_string().contains("all connections are busy, 1 of 1"));
    assert_eq!(handed(&next), Some((4, 1)), "the queue is old: the newest first");
    // What is left is young enough for its own order.
    let next = lending.returned(Connection(1), Duration::from_millis(2), at(2_002));
    assert_eq!(handed(&next), Some((3, 1)));
    assert_eq!(handed(&lending.returned(Connection(1), Duration::from_millis(2), at(2_010))), Some((2, 1)));
}

/// However many come while no connection comes back.
#[test]
fn the_queue_holds_those_whose_time_is_not_over() {
    let mut lending = lending(1);
    lending.arrive(Caller::new(0), Second, at(0));
    lending.connected(Connection(1), at(0));
    let mut refused = 0;
    for ms in 1..10_000 {
        let caller = Caller::new(1);
        refused += lending.arrive(caller.clone(), Second, at(ms)).refused.len();
        caller.1.set(ms % 2 == 0);
        assert!(waiting(&lending) <= 2_000, "{}", waiting(&lending));
    }
    let over = 4_000; // the others had left
    assert!((over..over + 1_000 / BATCHES as usize).contains(&refused), "{refused}");
    let stays = lending.queues[Second as usize].iter().filter(|waiter| !waiter.who.has_left()).count();
    assert_eq!(refused + stays, 5_000, "all of them are told, or wait");
}

/// So their tasks are not woken one by one. Nobody is refused much too early, or too late.
#[test]
fn those_whose_time_is_over_are_refused_in_batches() {
    let mut lending = lending(1);
    lending.arrive(Caller::new(0), Second, at(0));
    lending.connected(Connection(1), at(0));
    let mut batches = 0;
    for ms in 1..10_000 {
        let next = lending.arrive(Caller::new(u32::try_from(ms).expect("it fits")), Second, at(ms));
        for (caller, _) in &next.refused {
            let waited = ms - u64::from(caller.0);
            assert!((2_000 - 2_000 / u64::from(BATCHES)..=2_000).contains(&waited), "{waited}");
        }
        batches += u32::from(!next.refused.is_empty());
    }
    assert!((4 * BATCHES - 1..=4 * BATCHES + 1).contains(&batches), "{batches} batches of four limits");
}

/// Calls that succeed in ten seconds: each claims, and writes its result. A caller whose call has ended begins another one
/// at once. The server takes two milliseconds for a statement, and is asked over eight connections.
fn successes(callers: u32) -> u32 {
    const SERVICE: Duration = Duration::from_millis(2);
    const LIMIT: Duration = Duration::from_millis(500);
    let mut lending = Lending::new(8, LIMIT);
    // What each of them asks, and since when.
    let mut asked = vec![(Second, at(0)); callers as usize];
    let mut is_withdrawn = vec![false; callers as usize];
    // Not all at once: a crowd that comes and leaves together leaves nobody in between who is late.
    let start = |caller| Tick::BASE.after(LIMIT * caller / callers);
    let mut arrivals: VecDeque<_> = (0..callers).map(|caller| (start(caller), caller)).collect();
    let mut answers: VecDeque<(Tick, u32, Connection)> = VecDeque::new();
    let (mut now, mut connections, mut successes) = (at(0), 0, 0);
    while now < at(10_000) {
        let next =
            if answers.front().is_none_or(|(then, ..)| arrivals.front().is_some_and(|(at, _)| at <= then)) {
                let (then, caller) = arrivals.pop_front().expect("somebody waits, is served or arrives");
                now = now.max(then);
                asked[caller as usize].1 = now;
                let next = lending.arrive(Caller::new(caller), asked[caller as usize].0, now);
                if next.connect {
                    connections += 1;
                    lending.connected(Connection(100 + connections), now)
                } else {
                    next
                }
            } else {
                let (then, caller, connection) = answers.pop_front().expect("it is there");
                now = then;
                let (precedence, since) = asked[caller as usize];
                let was_withdrawn = is_withdrawn[caller as usize];
                let is_late = now > since.after(LIMIT);
                is_withdrawn[caller as usize] = is_late && precedence == Second;
                successes += u32::from(precedence == First && !was_withdrawn && !is_late);
                // A claim that was granted too late is taken back, which is as much work as a result.
                asked[caller as usize].0 = if precedence == Second { First } else { Second };
                arrivals.push_front((now, caller));
                lending.returned(connection, SERVICE, now)
            };
        if let Some((caller, connection)) = next.hand {
            answers.push_back((now.after(SERVICE), caller.0, connection));
        }
        for (caller, _) in next.refused {
            asked[caller.0 as usize].0 = Second;
            arrivals.push_front((now, caller.0));
        }
    }
    successes
}

/// Also where they are more than can be served in time: those that are, are of use.
#[test]
fn many_callers_are_no_slower_than_few() {
    let [few, many] = [300, 3_000].map(successes);
    assert!(many * 20 >= few * 19, "{many} of many, {few} of few");
}

/// A server that takes nearly as long as a statement may: it is used all the same.
#[test]
fn a_slow_server_is_not_left_idle() {
    let mut lending = lending(1);
    lending.arrive(Caller::new(0), Second, at(0));
    lending.connected(Connection(1), at(0));
    for who in 1..100 {
        let now = u64::from(who) * 1_500;
        lending.arrive(Caller::new(who), Second, at(now - 100));
        let next = lending.returned(Connection(1), Duration::from_millis(1_500), at(now));
        assert_eq!(handed(&next), Some((who, 1)));
    }
}

#[test]
fn who_has_left_is_passed_over() {
    let mut lending = lending(1);
    lending.arrive(Caller::new(0), Second, at(0));
    lending.connected(Connection(1), at(0));
    let gone = Caller::new(1);
    lending.arrive(gone.clone(), Second, at(1));
    lending.arrive(Caller::new(2), Second, at(2));
    gone.1.set(true);
    let next = lending.returned(Connection(1), Duration::ZERO, at(3));
    assert_eq!(handed(&next), Some((2, 1)));
    assert!(next.refused.is_empty());
}

#[test]
fn while_the_server_owes_answers_one_attempt_finds_out_for_all() {
    let mut lending = lending(2);
    for who in 0..2 {
        lending.arrive(Caller::new(who), Second, at(0));
        lending.connected(Connection(who), at(0));
    }
    assert!(!lending.owes(at(2_000)).connect, "nobody waits");
    assert!(lending.arrive(Caller::new(2), Second, at(2_000)).connect);
    assert!(!lending.arrive(Caller::new(3), Second, at(2_001)).connect);
    assert!(!lending.owes(at(2_002)).connect);
    // It is back: what it owed comes first.
    assert_eq!(handed(&lending.settled(Some(Connection(0)), at(2_100))), Some((2, 0)));
    assert_eq!(handed(&lending.settled(Some(Connection(1)), at(2_100))), Some((3, 1)));
    let next = lending.connected(Connection(7), at(2_110));
    assert_eq!(next.closed, [Connection(7)], "not more than the most");
}

#[test]
fn while_no_connection_can_be_made_callers_fail_at_once_and_one_tries() {
    let mut lending = lending(4);
    for who in 0..3 {
        assert!(lending.arrive(Caller::new(who), Second, at(0)).connect);
    }
    assert!(lending.failed_to_connect(&refused(), at(1)).refused.is_empty(), "others are trying");
    lending.failed_to_connect(&refused(), at(1));
    assert_eq!(lending.failed_to_connect(&refused(), at(1)).refused.len(), 3);
    assert_eq!(lending.arrive(Caller::new(3), Second, at(2)).refused.len(), 1, "too early");
    let later = at(1).after(FIRST_PAUSE);
    let next = lending.arrive(Caller::new(4), Second, later);
    assert!(next.connect && next.refused.is_empty());
    assert_eq!(lending.arrive(Caller::new(5), Second, later).refused.len(), 1, "one tries for all");
    assert_eq!(handed(&lending.connected(Connection(1), later)), Some((4, 1)));
    assert!(lending.arrive(Caller::new(6), Second, later).connect, "it is over");
}

/// Whatever happens in whatever order: every caller hears once, and no connection is lost or lent twice.
#[test]
fn nobody_is_forgotten() {
    for seed in 0..2_000 {
        let mut random = fastrand::Rng::with_seed(seed);
        let most = random.usize(1..4);
        let mut lending = lending(most);
        let (mut lent, mut owing, mut connecting) = (Vec::new(), Vec::new(), 0);
        let (mut now, mut made, mut asked, mut heard) = (0, 100, 0, 0);
        let mut steps = 0;
        while steps < 60 || !lent.is_empty() || !owing.is_empty() || connecting > 0 {
            steps += 1;
            now += random.u64(0..300);
            let next = match random.u8(..) % 8 {
                0..3 if steps < 60 => {
                    asked += 1;
                    let precedence = if random.bool() { First } else { Second };
                    lending.arrive(Caller::new(asked), precedence, at(now))
                }
                3 if !lent.is_empty() => {
                    let connection = lent.swap_remove(random.usize(..lent.len()));
                    lending.returned(connection, Duration::from_millis(now % 7), at(now))
                }
                4 if !lent.is_empty() => {
                    owing.push(lent.swap_remove(0));
                    lending.owes(at(now))
                }
                5 if !lent.is_empty() => {
                    lent.pop();
                    lending.lost(at(now))
                }
                6 if !owing.is_empty() => lending.settled(owing.pop().filter(|_| random.bool()), at(now)),
                7 if connecting > 0 => {
                    connecting -= 1;
                    if random.bool() {
                        made += 1;
                        lending.connected(Connection(made), at(now))
                    } else {
                        lending.failed_to_connect(&refused(), at(now))
                    }
                }
                _ => continue,
            };
            connecting += usize::from(next.connect);
            heard += u32::try_from(next.refused.len()).expect("few");
            if let Some((_, connection)) = next.hand {
                heard += 1;
                assert!(!lent.contains(&connection));
                lent.push(connection);
            }
            assert_eq!(
                (lending.lent, lending.owing, lending.connecting),
                (lent.len(), owing.len(), connecting)
            );
            assert!(lending.lent + lending.idle.len() <= most);
            assert!(lending.lent + lending.idle.len() + lending.connecting + lending.owing <= 2 * most);
            assert_eq!(heard + u32::try_from(waiting(&lending)).expect("few"), asked);
            // Who waits, waits for something: a connection in use, one that is made, or one that owes an answer.
            let waits_for = lending.lent + lending.owing + lending.connecting;
            assert!(waiting(&lending) == 0 || waits_for > 0, "seed {seed}");
        }
    }
}
