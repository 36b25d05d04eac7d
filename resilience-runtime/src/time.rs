//! The clock and the timer, in one place: tokio's, so that its paused time drives every policy.

use std::time::Duration;

pub(crate) use tokio::time::{Instant, Sleep};

pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn sleep_until(at: Instant) -> Sleep {
    tokio::time::sleep_until(at)
}

/// Waits. Nothing is nothing: a timer of zero would cost a millisecond.
pub(crate) async fn pause(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}
