//! The atomics, which the model checker replaces by its own.

#[cfg(resilience_loom)]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(resilience_loom))]
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// Between two operations that are `SeqCst`. They have one order for all threads, so there is nothing to do, but the model checker
/// takes them for acquire and release, and knows that order of fences alone.
#[inline]
pub(super) fn in_one_order() {
    #[cfg(resilience_loom)]
    fence(Ordering::SeqCst);
}

/// A constructor that is `const`, except under the model checker, whose atomics are not.
macro_rules! cells {
    ($(#[$doc:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block) => {
        $(#[$doc])*
        #[cfg(not(resilience_loom))]
        $vis const fn $name($($arg: $ty),*) -> $ret $body
        $(#[$doc])*
        #[cfg(resilience_loom)]
        $vis fn $name($($arg: $ty),*) -> $ret $body
    };
}
pub(super) use cells;

/// An array of zeros, which the model checker cannot make in a constant either.
macro_rules! zeros {
    () => {{
        #[cfg(not(resilience_loom))]
        let zeros = [const { AtomicU64::new(0) }; BUCKETS];
        #[cfg(resilience_loom)]
        let zeros = std::array::from_fn(|_| AtomicU64::new(0));
        zeros
    }};
}
pub(super) use zeros;
