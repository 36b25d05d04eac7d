//! Every interleaving of recorders, and of recorders and a change of generation.
//!
//! `RUSTFLAGS="--cfg resilience_loom" cargo test -p resilience-runtime --lib loom`

use std::cell::Cell;
use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::super::sync::{AtomicU64, Ordering};
use super::super::window::{CallWindow, Mark, Streak, Tally, TimeWindow, Verdict};

const BAD: Mark = Mark { failed: true, slow: false };
const GOOD: Mark = Mark { failed: false, slow: false };

/// Two calls of generation 0 end while the generation turns to 1; the calls of generation 1
/// see themselves alone.
fn old_marks_are_void<W: Send + Sync + 'static, T: PartialEq + std::fmt::Debug + 'static>(
    new: fn() -> W,
    record: fn(&W, Mark, u32, &AtomicU64) -> T,
    alone: T,
    both: T,
    mark: Mark,
) where
    T: Send + Copy + Sync,
{
    let mut model = loom::model::Builder::new();
    // Every known race of this kind needs fewer.
    model.preemption_bound = Some(3);
    model.check(move || {
        let shared = Arc::new((new(), AtomicU64::new(0)));
        let late: Vec<_> = (0..2)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    record(&shared.0, BAD, 0, &shared.1);
                })
            })
            .collect();
        shared.1.store(1, Ordering::Release);
        let seen = record(&shared.0, mark, 1, &shared.1);
        assert_eq!(seen, alone, "a mark of the old generation");
        for thread in late {
            thread.join().expect("no panic");
        }
        let seen = record(&shared.0, mark, 1, &shared.1);
        assert_eq!(seen, both, "the old generation has undone something");
    });
}

const ALONE: Option<Tally> = Some(Tally { total: 1, failed: 0, slow: 0 });
const BOTH: Option<Tally> = Some(Tally { total: 2, failed: 0, slow: 0 });

#[test]
fn count_window() {
    old_marks_are_void(
        || CallWindow::new(8),
        |window, mark, generation, gate| {
            window.record(mark, generation, || gate.load(Ordering::Acquire) == u64::from(generation))
        },
        ALONE,
        BOTH,
        GOOD,
    );
}

#[test]
fn time_window() {
    old_marks_are_void(
        || TimeWindow::new(false),
        |window, mark, generation, gate| {
            let at = window.position(generation, 0, WINDOW);
            let current = || gate.load(Ordering::Acquire) == u64::from(generation);
            let seen = Cell::new(None);
            window.record(mark, at, 0, current, |tally| {
                seen.set(Some(tally));
                Verdict::Unknown
            });
            seen.get()
        },
        Some(Tally { total: 1, failed: 1, slow: 0 }),
        Some(Tally { total: 2, failed: 2, slow: 0 }),
        BAD,
    );
}

#[test]
fn streak() {
    old_marks_are_void(
        Streak::new,
        |streak, mark, generation, gate| {
            streak.record(mark.failed, generation, || gate.load(Ordering::Acquire) == u64::from(generation))
        },
        Some(1),
        Some(2),
        BAD,
    );
}

const WINDOW: Duration = Duration::from_secs(16);

/// Half of at least so many have failed.
fn half(least: u32, tally: Tally) -> Verdict {
    match tally {
        Tally { total, .. } if total < least => Verdict::Unknown,
        Tally { total, failed, .. } if 2 * failed >= total => Verdict::Failed,
        _ => Verdict::Holds,
    }
}

/// What a window is, what it holds, and what each of some threads records in a stripe of its own.
struct Case {
    window: fn() -> TimeWindow,
    before: &'static [Mark],
    threads: &'static [&'static [Mark]],
    least: u32,
}

impl Case {
    /// Whether one of the calls sees that the window has failed, in every order.
    fn one_sees_it(self, expected: bool) {
        let Self { window, before, threads, least } = self;
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(move || {
            let window = Arc::new(window());
            let record = move |window: &TimeWindow, mark, thread| {
                let at = window.position(0, 0, WINDOW);
                window.record(mark, at, thread, || true, |tally| half(least, tally))
            };
            for mark in before {
                assert_ne!(record(&window, *mark, 0), Some(Verdict::Failed));
            }
            let all = move |window: &TimeWindow, thread: usize| {
                let verdicts = threads[thread].iter().map(|mark| record(window, *mark, thread));
                verdicts.filter(|verdict| *verdict == Some(Verdict::Failed)).count() > 0
            };
            let others: Vec<_> = (1..threads.len())
                .map(|thread| {
                    let window = Arc::clone(&window);
                    thread::spawn(move || all(&window, thread))
                })
                .collect();
            let mut seen = all(&window, 0);
            for other in others {
                seen |= other.join().expect("no panic");
            }
            assert_eq!(seen, expected);
        });
    }
}

/// The success completes the least number of calls, the failure the share.
#[test]
fn a_success_beside_a_failure() {
    let threads: &[&[Mark]] = &[&[GOOD], &[BAD]];
    Case { window: TimeWindow::grown, before: &[], threads, least: 2 }.one_sees_it(true);
}

/// The second stripe is made while a failure is summed up.
#[test]
fn a_window_that_grows() {
    let threads: &[&[Mark]] = &[&[GOOD], &[BAD]];
    Case { window: || TimeWindow::new(true), before: &[], threads, least: 2 }.one_sees_it(true);
}

/// One success finds that the window holds, the other relies on it, and a failure comes between.
#[test]
fn a_window_that_held() {
    let threads: &[&[Mark]] = &[&[BAD], &[GOOD], &[GOOD]];
    Case { window: TimeWindow::grown, before: &[BAD], threads, least: 3 }.one_sees_it(true);
}

/// Two failures that come during a sum are not two failures among the calls before.
#[test]
fn no_hit_is_seen_before_its_call() {
    let threads: &[&[Mark]] = &[&[GOOD], &[BAD, BAD]];
    Case { window: TimeWindow::grown, before: &[GOOD, GOOD, GOOD], threads, least: 2 }.one_sees_it(false);
}
