//! A future that has so long.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::time::{Instant, Tick};

/// The output of a future that ends in time. One that is ready at once needs no clock.
pub(super) async fn within<F: Future>(until: impl FnOnce() -> Instant, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    match poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        Poll::Ready(output) => Some(output),
        Poll::Pending => timeout_at(until(), future).await.ok(),
    }
}

/// So long from now.
pub(super) fn after(time: Duration) -> Instant {
    Tick::now().after(time).instant()
}
