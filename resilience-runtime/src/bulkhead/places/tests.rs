//! The places of a bulkhead, event by event, and under threads.

use std::sync::Arc;

use super::*;

const NOBODY: &Waker = Waker::noop();

fn tick(millis: u64) -> Tick {
    Tick::BASE.after(Duration::from_millis(millis))
}

fn count(places: &Places) -> (u32, u32) {
    let Count { inside, offered, waiting } = places.count();
    let line = places.lock();
    assert_eq!(waiting as usize, line.waiting.len());
    assert_eq!(offered as usize, line.offers.unseen.len() + line.offers.seen.len());
    (inside, waiting)
}

fn arrive(places: &Places, queue: u32, now: u64) -> Answer {
    places.arrive(1, queue, tick(now), NOBODY)
}

/// One who arrives, and waits.
fn waits(places: &Places, now: u64) -> u64 {
    match arrive(places, 8, now) {
        Answer::Waits(ticket, _) => ticket,
        other => panic!("{other:?}"),
    }
}

fn look(places: &Places, ticket: u64, now: u64) -> Result<(), Tick> {
    places.look(ticket, 1, tick(now), NOBODY)
}

fn is_inside(places: &Places, ticket: u64, now: u64) -> bool {
    look(places, ticket, now).is_ok()
}

#[test]
fn the_table() {
    for (inside, waiting, max, queue, arrival) in [
        (0, 0, 1, 0, Arrival::Inside),
        (1, 0, 1, 0, Arrival::Full),
        (1, 0, 1, 1, Arrival::Waits),
        (1, 1, 1, 1, Arrival::Full),
        // A place is free for a moment, and somebody waits for it.
        (0, 1, 1, 2, Arrival::Waits),
    ] {
        let now = Count { inside, offered: 0, waiting };
        assert_eq!(now.arrival(max, queue), arrival, "{now:?} of {max} and {queue}");
    }
}

#[test]
fn the_parts_of_the_word_do_not_meet() {
    const MOST: u32 = 100_000;
    let places = Places::new();
    for _ in 0..MOST {
        assert!(places.enter(MOST));
    }
    let waiters: Vec<_> = (0..MOST).map(|_| places.arrive(MOST, MOST, tick(0), NOBODY)).collect();
    assert_eq!(waiters.last(), Some(&Answer::Waits(99_999, tick(500))));
    assert_eq!(places.arrive(MOST, MOST, tick(0), NOBODY), Answer::Full);
    assert_eq!(places.count(), Count { inside: MOST, offered: 0, waiting: MOST });
    (0..MOST).for_each(|_| places.release());
    assert_eq!(places.count(), Count { inside: MOST, offered: MOST, waiting: 0 });
    (0..MOST).for_each(|ticket| assert!(!places.leave(ticket.into())));
    (0..MOST).for_each(|_| places.release());
    assert_eq!(count(&places), (0, 0));
}

#[test]
fn a_place_goes_from_hand_to_hand() {
    let places = Places::new();
    assert!(places.enter(1));
    assert_eq!(arrive(&places, 2, 0), Answer::Waits(0, tick(500)));
    assert_eq!(arrive(&places, 2, 0), Answer::Waits(1, tick(500)));
    assert_eq!(arrive(&places, 2, 0), Answer::Full);
    places.release();
    assert_eq!(count(&places), (1, 1));
    assert!(!places.enter(1), "nobody overtakes");
    assert_eq!(look(&places, 1, 0), Err(tick(100)), "it looks again when the grace is over");
    assert!(is_inside(&places, 0, 99));
    assert_eq!(look(&places, 1, 100), Err(tick(600)), "nothing is on offer");
    places.release();
    assert!(!places.leave(1), "the place is its own, and it has to give it back");
    places.release();
    assert_eq!(count(&places), (0, 0));
}

#[test]
fn one_who_leaves_makes_room_in_the_queue() {
    let places = Places::new();
    assert!(places.enter(1));
    assert_eq!(arrive(&places, 2, 0), Answer::Waits(0, tick(500)));
    assert_eq!(arrive(&places, 2, 0), Answer::Waits(1, tick(500)));
    assert!(places.leave(0));
    assert_eq!(arrive(&places, 2, 0), Answer::Waits(2, tick(500)));
    places.release();
    assert!(is_inside(&places, 1, 0) && !is_inside(&places, 2, 0));
    assert!(places.leave(2));
    places.release();
    assert_eq!(count(&places), (0, 0));
}

#[test]
fn what_is_not_come_for_is_taken_by_whoever_looks() {
    let places = Places::new();
    assert!(places.enter(1));
    let [idle, also_idle, next] = [0; 3].map(|now| waits(&places, now));
    places.release();
    assert_eq!(look(&places, next, 7_000), Err(tick(7_100)), "it sees the offer for the first time");
    assert_eq!(look(&places, next, 7_099), Err(tick(7_100)));
    assert!(is_inside(&places, next, 7_100));
    assert_eq!((count(&places), places.gauges().waiting), ((1, 1), 2), "one waits, one has missed it");
    // The next place does not go to one that has missed an offer, but to the next, who misses it too.
    places.release();
    assert_eq!(arrive(&places, 8, 8_000), Answer::Waits(3, tick(8_100)));
    assert_eq!(arrive(&places, 8, 8_100), Answer::Inside, "a call that arrives takes it as well");
    places.release();
    assert!(is_inside(&places, 3, 8_100), "nobody is waited for twice");
    // Who comes to itself again is in front of all who came later.
    let last = waits(&places, 9_000);
    assert!(!is_inside(&places, also_idle, 9_000) && !is_inside(&places, idle, 9_000));
    assert_eq!(count(&places), (1, 3));
    for ticket in [idle, also_idle, last] {
        places.release();
        assert!(is_inside(&places, ticket, 9_000));
    }
    places.release();
    assert_eq!((count(&places), places.gauges()), ((0, 0), Gauges::default()));
}

#[test]
fn one_that_has_missed_its_offer_takes_what_is_free_or_leaves() {
    let places = Places::new();
    assert!(places.enter(1));
    let (idle, gone) = (waits(&places, 0), waits(&places, 0));
    for now in [1_000, 2_000] {
        places.release();
        assert!(matches!(arrive(&places, 8, now), Answer::Waits(ticket, _) if places.leave(ticket)));
        assert_eq!(arrive(&places, 8, now + 100), Answer::Inside);
    }
    assert!(places.leave(gone), "it leaves without a place");
    places.release();
    assert_eq!(count(&places), (0, 0), "the place is free");
    assert!(is_inside(&places, idle, 2_100));
    places.release();
    assert_eq!((count(&places), places.gauges()), ((0, 0), Gauges::default()));
}

/// A queue full of calls that were left alone.
#[test]
fn a_full_queue_does_not_keep_the_place_from_who_comes() {
    let places = Places::new();
    assert!(places.enter(1));
    let (_idle, _also_idle) = (waits(&places, 0), waits(&places, 0));
    places.release();
    assert_eq!(arrive(&places, 1, 50), Answer::Full, "from here on it is seen");
    assert_eq!(arrive(&places, 1, 149), Answer::Full);
    assert_eq!(arrive(&places, 1, 150), Answer::Inside);
}

#[test]
fn one_release_wakes_one() {
    let places = Places::new();
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    assert!(places.enter(1));
    for _ in 0..5 {
        assert!(matches!(places.arrive(1, 8, tick(0), &waker), Answer::Waits(..)));
    }
    for released in 1..=5 {
        places.release();
        assert_eq!(woken.0.load(Ordering::SeqCst), released);
        assert!(is_inside(&places, released - 1, 0));
    }
}

#[derive(Default)]
struct Woken(AtomicU64);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Threads that come, wait, leave, release and do not come for their places, without an order: never too many inside, none
/// lost.
#[test]
fn under_threads() {
    const MAX: u32 = 3;
    let places = Places::new();
    let (inside, entered) = (AtomicU64::new(0), AtomicU64::new(0));
    // A grace is some twenty of its looks.
    let clock = AtomicU64::new(0);
    let now = || tick(clock.fetch_add(5, Ordering::SeqCst));
    let missed = AtomicU64::new(0);
    let work = |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20_000 {
            let in_hand = match places.arrive(MAX, 4, now(), NOBODY) {
                Answer::Inside => true,
                Answer::Full => false,
                Answer::Waits(ticket, _) => loop {
                    let dice = random.u8(..);
                    if dice < 32 {
                        break !places.leave(ticket);
                    }
                    if dice < 48 {
                        // It is left alone for a while.
                        clock.fetch_add(200, Ordering::SeqCst);
                        (0..random.u8(..20)).for_each(|_| std::thread::yield_now());
                        missed.fetch_max(places.lock().missed as u64, Ordering::SeqCst);
                    }
                    if places.look(ticket, MAX, now(), NOBODY).is_ok() {
                        break true;
                    }
                    std::thread::yield_now();
                },
            };
            if in_hand {
                entered.fetch_add(1, Ordering::SeqCst);
                assert!(inside.fetch_add(1, Ordering::SeqCst) < u64::from(MAX));
                if random.bool() {
                    std::thread::yield_now();
                }
                inside.fetch_sub(1, Ordering::SeqCst);
                places.release();
            }
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..8 {
            scope.spawn(move || work(seed));
        }
    });
    assert_eq!((count(&places), places.gauges()), ((0, 0), Gauges::default()));
    assert!(entered.into_inner() > 1_000 && missed.into_inner() > 0);
}
