//! `tokio::spawn`, with what the call around it hands on.

use std::pin::Pin;
use std::task::{self, Poll};

use tokio::task::JoinHandle;

use crate::call;
use crate::context::{self, Context};
use crate::runtime;

/// `tokio::spawn`, for a part of the call that runs now: the task has its deadline, its idempotency key and fencing
/// token, and its [scope](crate::Runtime::scope). A `tokio::spawn` of the same has none of them.
///
/// A retry in the task that gives up before the attempt that spawned it is over counts for that attempt: a `#[retry]`
/// around it does not repeat it once more. So does a `#[fallback]` in it that answers: [`context::degraded`] is then true in
/// the attempt. The deadline cuts nothing by itself: the policies of the
/// annotated functions in the task keep it. Dropping the handle does not stop the task.
///
/// ```
/// # use resilience_runtime as resilience;
/// # use std::time::Duration;
/// use resilience::{context, spawn};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # let soon = tokio::time::Instant::now() + Duration::from_secs(1);
/// context::with_deadline(soon, async {
///     let task = spawn(async { context::deadline() });
///     assert_eq!(task.await.unwrap(), Some(soon));
/// })
/// .await;
/// # });
/// ```
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let task = Task { context: context::with(Context::hand_on), future };
    match runtime::scope_around() {
        Some(runtime) => tokio::spawn(runtime.scope(task)),
        None => tokio::spawn(task),
    }
}

pin_project_lite::pin_project! {
    /// A task, and the context that it has instead of none.
    struct Task<F> {
        context: Context,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        call::within(this.context, || this.future.poll(cx))
    }
}
