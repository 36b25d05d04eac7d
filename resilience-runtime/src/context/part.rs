//! What each of several attempts that run side by side has to itself.

use std::mem::swap;
use std::sync::Arc;

use super::limit::Limit;
use super::marks::Marks;
use super::{Context, with};
use crate::replicas::{Path, picks};
/// What each of several attempts that run side by side has to itself: the limit that its own timeouts set, and the marks
/// of its own retries; and what it has picked is found by its path. All else is the call's.
#[derive(Debug, Default)]
pub(crate) struct Part {
    limit: Option<Limit>,
    marks: Option<Arc<Marks>>,
    gave_up: bool,
    degraded: Option<bool>,
    pub(crate) path: Path,
}

impl Context {
    /// The part of an attempt that begins now.
    pub(crate) fn part(&self, path: Path) -> Part {
        Part { limit: self.limit, degraded: self.degraded.map(|_| false), path, ..Part::default() }
    }

    /// The attempt of this part has ended, and its outcome is the call's: so are its marks.
    pub(crate) fn adopt(&mut self, part: Part) {
        (self.marks, self.gave_up, self.degraded) = (part.marks, part.gave_up, part.degraded);
    }

    fn exchange(&mut self, part: &mut Part) {
        swap(&mut self.limit, &mut part.limit);
        swap(&mut self.marks, &mut part.marks);
        swap(&mut self.gave_up, &mut part.gave_up);
        swap(&mut self.degraded, &mut part.degraded);
        picks::exchange_path(&mut part.path);
    }
}

/// Does something with the part of an attempt in place.
pub(crate) fn within<R>(part: &mut Part, work: impl FnOnce() -> R) -> R {
    with(|context| context.exchange(part));
    let _back = InPlace(part);
    work()
}

/// Puts the part of the surroundings back, also on a panic.
struct InPlace<'a>(&'a mut Part);

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        with(|context| context.exchange(self.0));
    }
}
