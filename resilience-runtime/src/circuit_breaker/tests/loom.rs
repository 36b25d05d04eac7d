//! Every interleaving of recorders and a change of generation.
//!
//! `RUSTFLAGS="--cfg resilience_loom" cargo test -p resilience-runtime --lib loom`

use std::time::Duration;

use loom::sync::Arc;
use loom::thread;

use super::super::sync::{AtomicU64, Ordering};
use super::super::window::{CallWindow, Mark, Position, Streak, Tally, TimeWindow};

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
        TimeWindow::new,
        |window, mark, generation, gate| {
            let at = Position::new(generation, Duration::ZERO, Duration::from_secs(16));
            window.record(mark, at, false, || gate.load(Ordering::Acquire) == u64::from(generation))
        },
        ALONE,
        BOTH,
        GOOD,
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
