//! Many threads at once.

use std::cell::Cell;
use std::sync::Barrier;
use std::time::Duration;

use resilience_policy::circuit_breaker::{CircuitBreaker, Window};

use super::super::breaker::{Breaker, Ended};
use super::super::machine::State;
use super::super::window::{Mark, Tally, TimeWindow, Verdict};
use super::clocks::Both;
use crate::time::Tick;

const THREADS: usize = 4;
const BAD: Mark = Mark { failed: true, slow: false };

fn side_by_side(threads: usize, run: impl Fn(usize) + Sync) {
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (barrier, run) = (&barrier, &run);
            scope.spawn(move || {
                barrier.wait();
                run(thread);
            });
        }
    });
}

/// Whether a window starts in one stripe or in many, and whatever it does meanwhile.
#[test]
fn nothing_is_lost() {
    const CALLS: usize = 20_000;
    for (may_grow, window) in
        [(false, TimeWindow::new(false)), (true, TimeWindow::new(true)), (true, TimeWindow::grown())]
    {
        let at = window.position(0, 1, Duration::from_secs(16));
        side_by_side(THREADS, |thread| {
            for call in 0..CALLS {
                let mark = if call % 10 == 9 { BAD } else { Mark::GOOD };
                window.record(mark, at, thread, || true, |_| Verdict::Unknown);
            }
        });
        let seen = Cell::new(Tally::default());
        let judge = |tally| {
            seen.set(tally);
            Verdict::Unknown
        };
        window.record(BAD, at, 0, || true, judge);
        let (total, failed) = (THREADS * CALLS + 1, THREADS * CALLS / 10 + 1);
        assert_eq!((seen.get().total as usize, seen.get().failed as usize), (total, failed));
        assert!(may_grow || !window.has_grown(), "one stripe under keys");
    }
}

/// Of ten calls the five that fail are half: whoever comes last must see all ten. Around the least number of calls and around
/// the threshold a call more or less decides.
#[test]
fn a_trip_is_not_lost() {
    let of_time = CircuitBreaker { window: Window::Time(Duration::from_hours(1)), ..CircuitBreaker::DEFAULT };
    let of_calls = CircuitBreaker { window: Window::Calls(10), ..CircuitBreaker::DEFAULT };
    let in_a_row = CircuitBreaker { consecutive: Some(4), min_calls: Some(1_000), ..CircuitBreaker::DEFAULT };
    // How many threads succeed and fail, how often each.
    let cases =
        [(of_time, 5, 1, 5, 1), (of_time, 2, 50, 2, 50), (of_calls, 5, 1, 5, 1), (in_a_row, 0, 0, 4, 1)];
    for (params, good, goods, bad, bads) in cases {
        for round in 0..300 {
            let breaker = if round % 2 == 0 { Breaker::new() } else { Breaker::grown() };
            let clock = Both::at(Tick::BASE);
            side_by_side(good + bad, |thread| {
                let (ended, times) =
                    if thread < good { (Ended::Succeeded, goods) } else { (Ended::Failed, bads) };
                for _ in 0..times {
                    if let Ok(pass) = breaker.admit_by(&clock, "test", &params) {
                        breaker.end_by(&clock, "test", &params, pass, ended, || false);
                    }
                }
            });
            assert_eq!(breaker.state(), State::Open, "{params:?}");
        }
    }
}
