//! The runtime that is in use where code is polled: that of a scope, or that of the process.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{self, Poll};

use super::{Runtime, Shared};

/// Whether the process-wide runtime is in use (1), plus 2 for every scope that exists. A site's fast path is one load
/// of it.
static MODE: AtomicUsize = AtomicUsize::new(0);
const IN_USE: usize = 1;
const ONE_SCOPE: usize = 2;

thread_local! {
    static SCOPE: RefCell<Option<Arc<Shared>>> = const { RefCell::new(None) };
}

/// The runtime of the scope that polls now, if there is one. Without one the process-wide runtime is in use from now
/// on.
pub(crate) fn scoped() -> Option<Arc<Shared>> {
    if MODE.load(Ordering::Relaxed) == IN_USE { None } else { look() }
}

#[cold]
fn look() -> Option<Arc<Shared>> {
    let scope = SCOPE.with_borrow(Clone::clone);
    if scope.is_none() {
        MODE.fetch_or(IN_USE, Ordering::SeqCst);
    }
    scope
}

/// A site runs.
pub(crate) fn touch() {
    if MODE.load(Ordering::Relaxed) != IN_USE {
        drop(look());
    }
}

/// Whether a site has run under the runtime of the process.
pub(super) fn is_process_in_use() -> bool {
    MODE.load(Ordering::SeqCst) & IN_USE != 0
}

pin_project_lite::pin_project! {
    /// The future of [`Runtime::scope`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        guard: ScopeGuard,
        #[pin]
        future: F,
    }
}

impl<F> Scope<F> {
    pub(super) fn new(shared: Arc<Shared>, future: F) -> Self {
        Self { guard: ScopeGuard::new(shared), future }
    }
}

/// A scope exists for as long as this does.
struct ScopeGuard(Arc<Shared>);

impl ScopeGuard {
    fn new(shared: Arc<Shared>) -> Self {
        MODE.fetch_add(ONE_SCOPE, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        MODE.fetch_sub(ONE_SCOPE, Ordering::SeqCst);
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let around = SCOPE.replace(Some(Arc::clone(&this.guard.0)));
        let _back = Back(around);
        this.future.poll(cx)
    }
}

/// Puts the scope around back, also on a panic.
struct Back(Option<Arc<Shared>>);

impl Drop for Back {
    fn drop(&mut self) {
        SCOPE.set(self.0.take());
    }
}

/// The runtime of the scope around, if there is one.
pub(crate) fn scope_around() -> Option<Runtime> {
    SCOPE.with_borrow(Clone::clone).map(|shared| Runtime { shared })
}
