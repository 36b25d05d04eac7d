//! Where the state of a policy lives: with its owner, or in the scope of a runtime.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::runtime;

/// A state, and the name under which the scopes of runtimes keep another one in its place.
pub(crate) struct Home<S> {
    pub(crate) state: S,
    /// Zero as long as no scope has asked. An address would not do: another owner could have it later.
    id: AtomicU64,
}

impl<S: Any + Send + Sync> Home<S> {
    pub(crate) const fn new(state: S) -> Self {
        Self { state, id: AtomicU64::new(0) }
    }

    /// The state in the scope that polls now, if there is one.
    pub(crate) fn scoped(&self, new: impl FnOnce() -> S) -> Option<Arc<S>> {
        runtime::scoped().map(|scope| scope.state(self.id(), new))
    }

    /// The state that serves a call now.
    pub(crate) fn in_use(&self, new: impl FnOnce() -> S) -> InUse<'_, S> {
        self.scoped(new).map_or(InUse::Home(&self.state), InUse::Other)
    }

    fn id(&self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = self.id.load(Ordering::Relaxed);
        if id != 0 {
            return id;
        }
        let new = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.id.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new,
            Err(earlier) => earlier,
        }
    }
}

/// The state in use: the owner's own, or one that stands for it in a scope or under a key.
pub(crate) enum InUse<'a, S> {
    Home(&'a S),
    Other(Arc<S>),
}

impl<S> std::ops::Deref for InUse<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        match self {
            Self::Home(state) => state,
            Self::Other(state) => state,
        }
    }
}
