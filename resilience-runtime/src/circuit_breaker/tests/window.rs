//! The windows against a queue, in one thread.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::super::window::{CallWindow, Mark, Position, Streak, Tally, TimeWindow};

fn mark() -> impl Strategy<Value = Mark> {
    (any::<bool>(), any::<bool>()).prop_map(|(failed, slow)| Mark { failed, slow })
}

fn sum<'a>(marks: impl Iterator<Item = &'a Mark>) -> Tally {
    marks.fold(Tally::default(), |tally, mark| Tally {
        total: tally.total + 1,
        failed: tally.failed + u32::from(mark.failed),
        slow: tally.slow + u32::from(mark.slow),
    })
}

proptest! {
    #[test]
    fn a_count_window_holds_the_last_calls_of_its_generation(
        size in 1u32..20,
        calls in prop::collection::vec((mark(), prop::bool::weighted(0.05)), 1..200),
    ) {
        let (window, mut model, mut generation) = (CallWindow::new(size), VecDeque::new(), 0);
        for (mark, next) in calls {
            if next {
                generation += 1;
                model.clear();
            }
            model.push_back(mark);
            if model.len() > size as usize {
                model.pop_front();
            }
            prop_assert_eq!(window.record(mark, generation, || true), Some(sum(model.iter())));
        }
    }

    #[test]
    fn a_time_window_holds_the_last_sixteen_buckets_of_its_generation(
        calls in prop::collection::vec((mark(), 0u64..3_000, prop::bool::weighted(0.05)), 1..200),
    ) {
        // Buckets of a second.
        let span = Duration::from_secs(16);
        let (window, mut model, mut generation) = (TimeWindow::new(), VecDeque::new(), 0);
        let mut now = Duration::ZERO;
        for (mark, pass, next) in calls {
            now += Duration::from_millis(pass);
            if next {
                generation += 1;
                model.clear();
            }
            model.push_back((now.as_secs(), mark));
            model.retain(|(second, _)| now.as_secs() - second < 16);
            let tally = window.record(mark, Position::new(generation, now, span), true, || true);
            prop_assert_eq!(tally, Some(sum(model.iter().map(|(_, mark)| mark))));
        }
    }

    #[test]
    fn a_streak_counts_failures_in_a_row(
        calls in prop::collection::vec((any::<bool>(), prop::bool::weighted(0.1)), 1..100),
    ) {
        let (streak, mut model, mut generation) = (Streak::new(), 0, 0);
        for (failed, next) in calls {
            if next {
                generation += 1;
                model = 0;
            }
            model = if failed { model + 1 } else { 0 };
            prop_assert_eq!(streak.record(failed, generation, || true), Some(model));
        }
    }
}

#[test]
fn an_earlier_generation_records_nothing() {
    let (calls, times, streak) = (CallWindow::new(4), TimeWindow::new(), Streak::new());
    let bad = Mark { failed: true, slow: true };
    let at = |generation| Position::new(generation, Duration::from_secs(1), Duration::from_secs(16));
    assert_eq!(calls.record(bad, 0, || false), None);
    assert_eq!(times.record(bad, at(0), true, || false), None);
    assert_eq!(streak.record(true, 0, || false), None);
    let one = Some(Tally { total: 1, failed: 1, slow: 1 });
    assert_eq!(calls.record(bad, 1, || true), one);
    assert_eq!(times.record(bad, at(1), true, || true), one);
    assert_eq!(streak.record(true, 1, || true), Some(1));
}

#[test]
fn a_full_bucket_keeps_its_share() {
    let window = TimeWindow::new();
    let at = Position::new(3, Duration::from_secs(1), Duration::from_secs(16));
    let mut last = None;
    for n in 0..100_000u32 {
        last = window.record(Mark { failed: n % 4 == 0, slow: false }, at, false, || true);
    }
    let last = last.expect("current");
    let share = f64::from(last.failed) / f64::from(last.total);
    assert!((share - 0.25).abs() < 0.01, "{last:?}");
}

/// Over half of the epochs that a bucket can tell apart: 37 hours at a window of a millisecond.
#[test]
fn a_breaker_that_nobody_called_for_long_counts_again() {
    let span = Duration::from_millis(1);
    let width = span / 16;
    for idle in [1u32 << 30, (1 << 31) - 40, 1 << 31, (1 << 31) + 1, 3 << 30, u32::MAX - 100] {
        let window = TimeWindow::new();
        let record = |now| {
            let mark = Mark { failed: true, slow: false };
            window.record(mark, Position::new(0, now, span), false, || true).map(|tally| tally.total)
        };
        assert_eq!(record(Duration::ZERO), Some(1));
        let later = width * idle;
        for call in 1..=40 {
            assert_eq!(record(later), Some(call), "after {idle} buckets");
        }
    }
}
