//! The windows against a queue, in one thread.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::super::window::{COUNT_MAX, CallWindow, Mark, Position, Streak, Tally, TimeWindow, Verdict};

fn mark() -> impl Strategy<Value = Mark> {
    (any::<bool>(), any::<bool>()).prop_map(|(failed, slow)| Mark { failed, slow })
}

/// Mostly successes, so that a window has none of the others for a while.
fn rare_mark() -> impl Strategy<Value = Mark> {
    (prop::bool::weighted(0.05), prop::bool::weighted(0.05)).prop_map(|(failed, slow)| Mark { failed, slow })
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("less than 584 years")
}

/// Buckets of a second.
fn position(window: &TimeWindow, generation: u32, now: Duration) -> Position {
    window.position(generation, nanos(now), Duration::from_secs(16))
}

/// What the window holds, if it is asked.
fn tally_at(window: &TimeWindow, mark: Mark, at: Position, thread: usize) -> Option<Tally> {
    let seen = Cell::new(None);
    window.record(
        mark,
        at,
        thread,
        || true,
        |tally| {
            seen.set(Some(tally));
            Verdict::Unknown
        },
    );
    seen.get()
}

fn tally(window: &TimeWindow, mark: Mark, generation: u32, now: Duration, thread: usize) -> Option<Tally> {
    tally_at(window, mark, position(window, generation, now), thread)
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

    /// The calls come from threads with these numbers, and the window is of one stripe or of many.
    #[test]
    fn a_time_window_holds_the_last_sixteen_buckets_of_its_generation(
        calls in prop::collection::vec((rare_mark(), 0u64..3_000, prop::bool::weighted(0.05), 0usize..20), 1..200),
        grown: bool,
    ) {
        let window = if grown { TimeWindow::grown() } else { TimeWindow::new(true) };
        let (mut model, mut generation, mut now) = (VecDeque::new(), 0, Duration::ZERO);
        for (mark, pass, next, thread) in calls {
            now += Duration::from_millis(pass);
            if next {
                generation += 1;
                model.clear();
            }
            model.push_back((now.as_secs(), mark));
            model.retain(|(second, _)| now.as_secs() - second < 16);
            let expected = sum(model.iter().map(|(_, mark)| mark));
            match tally(&window, mark, generation, now, thread) {
                Some(tally) => prop_assert_eq!(tally, expected),
                None => prop_assert_eq!((expected.failed, expected.slow), (0, 0), "there are hits"),
            }
        }
    }

    /// A window that holds is summed up again where it can have changed.
    #[test]
    fn no_verdict_is_missed(
        calls in prop::collection::vec((rare_mark(), 0u64..3_000, 0usize..20), 1..200),
    ) {
        let window = TimeWindow::grown();
        let (mut model, mut now) = (VecDeque::new(), Duration::ZERO);
        let judge = |tally: Tally| match tally {
            Tally { total: 0..4, .. } => Verdict::Unknown,
            Tally { total, failed, slow } if 4 * failed >= total || 3 * slow >= total => Verdict::Failed,
            _ => Verdict::Holds,
        };
        for (mark, pass, thread) in calls {
            now += Duration::from_millis(pass);
            model.push_back((now.as_secs(), mark));
            model.retain(|(second, _)| now.as_secs() - second < 16);
            let expected = judge(sum(model.iter().map(|(_, mark)| mark)));
            let at = position(&window, 0, now);
            let verdict = window.record(mark, at, thread, || true, judge);
            if expected == Verdict::Failed {
                // The window stays as it is: the next success must find out as well.
                prop_assert_eq!(verdict, Some(Verdict::Failed));
            } else {
                prop_assert_ne!(verdict, Some(Verdict::Failed));
            }
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
    let (calls, times, streak) = (CallWindow::new(4), TimeWindow::new(true), Streak::new());
    let bad = Mark { failed: true, slow: true };
    let now = Duration::from_secs(1);
    assert_eq!(calls.record(bad, 0, || false), None);
    let verdict = times.record(bad, position(&times, 0, now), 0, || false, |_| Verdict::Failed);
    assert_eq!(verdict, None);
    assert_eq!(streak.record(true, 0, || false), None);
    let one = Some(Tally { total: 1, failed: 1, slow: 1 });
    assert_eq!(calls.record(bad, 1, || true), one);
    assert_eq!(tally(&times, bad, 1, now, 0), one);
    assert_eq!(streak.record(true, 1, || true), Some(1));
}

/// It takes no more calls, of neither kind, and the next bucket does.
#[test]
fn a_full_bucket_keeps_its_share() {
    let window = TimeWindow::new(false);
    let now = Duration::from_secs(1);
    window.fill(position(&window, 3, now), COUNT_MAX - 4, COUNT_MAX / 4);
    let mut last = None;
    for n in 0..100_000 {
        let mark = Mark { failed: n % 4 == 0, slow: false };
        last = tally(&window, mark, 3, now, 0).or(last);
    }
    let last = last.expect("some were counted");
    // There was room for four, of which one has failed.
    assert_eq!((u64::from(last.total), u64::from(last.failed)), (COUNT_MAX, COUNT_MAX / 4 + 1));
    let bad = Mark { failed: true, slow: false };
    let next = tally(&window, bad, 3, now + Duration::from_secs(1), 0).expect("room");
    assert_eq!(next.failed, last.failed + 1);
}

/// Over half of the epochs that a bucket can tell apart: 37 hours at a window of a millisecond.
#[test]
fn a_breaker_that_nobody_called_for_long_counts_again() {
    let span = Duration::from_millis(1);
    let width = span / 16;
    for idle in [1u32 << 30, (1 << 31) - 40, 1 << 31, (1 << 31) + 1, 3 << 30, u32::MAX - 100] {
        let window = TimeWindow::new(true);
        let record = |now: Duration| {
            let at = window.position(0, nanos(now), span);
            tally_at(&window, Mark { failed: true, slow: false }, at, 0).map(|tally| tally.total)
        };
        assert_eq!(record(Duration::ZERO), Some(1));
        let later = width * idle;
        for call in 1..=40 {
            assert_eq!(record(later), Some(call), "after {idle} buckets");
        }
    }
}

/// Failures whose clock was read before the turn of a bucket, and which come after it, do not see the calls of the new one. The
/// next success does, though the window held before.
#[test]
fn failures_that_come_late_are_seen_by_the_next_success() {
    let window = TimeWindow::new(true);
    let half = |tally: Tally| match tally {
        Tally { total: 0..10, .. } => Verdict::Unknown,
        Tally { total, failed, .. } if 2 * failed >= total => Verdict::Failed,
        _ => Verdict::Holds,
    };
    let record = |failed, second, times| {
        let at = position(&window, 0, Duration::from_secs(second));
        let record = |_| window.record(Mark { failed, slow: false }, at, 0, || true, half);
        (0..times).map(record).last().expect("some")
    };
    record(false, 20, 9);
    assert_eq!(record(true, 20, 1), Some(Verdict::Holds));
    record(false, 21, 2);
    record(true, 21, 8);
    assert_eq!(record(false, 21, 1), Some(Verdict::Holds));
    assert_eq!(record(true, 20, 4), Some(Verdict::Holds), "five of fourteen");
    assert_eq!(record(false, 21, 1), Some(Verdict::Failed), "thirteen of twenty-six");
}
