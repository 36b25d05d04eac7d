//! Whether tokio's time can be paused: whether tokio is built with its feature `test-util`, by this crate or by another one of
//! the program. No `cfg` of this crate says so.

/// `tokio::time::pause` is a function, which has no size. Where it is not there, the constant below has its name.
pub(super) const CAN_PAUSE: bool = {
    #[allow(unused_imports, clippy::wildcard_imports)] // whatever is there
    use tokio::time::*;
    size_of_value(&pause) == 0
};

#[allow(non_upper_case_globals, dead_code)] // that of a function
const pause: u8 = 0;

const fn size_of_value<T>(_: &T) -> usize {
    size_of::<T>()
}
