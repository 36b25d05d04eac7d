//! What an attempt leaves behind for whoever is around it: that a retry has given up, that a fallback has answered.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Context;
use crate::Site;

/// What an attempt and its tasks tell whoever is around them.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Whose retry has given up.
    exhausted: OnceLock<&'static Site>,
    /// A fallback has answered in a task.
    degraded: AtomicBool,
}

impl Context {
    /// Whose retry inside this attempt has given up, in the call or in a task of it.
    pub(crate) fn exhausted(&self) -> Option<&'static Site> {
        self.marks.as_ref()?.exhausted.get().copied()
    }

    /// The retry of `site`, inside this attempt, has given up. Outside of any call there is no attempt, and nobody to tell.
    pub(crate) fn exhaust(&mut self, site: &'static Site) {
        if self.is_root() {
            return;
        }
        // The first one has said it all.
        let _ = self.marks.get_or_insert_default().exhausted.set(site);
    }

    /// A fallback has answered in this attempt, in the call or in a task of it.
    pub(crate) fn is_degraded(&self) -> bool {
        let in_a_task = || self.marks.as_ref().is_some_and(|marks| marks.degraded.load(Ordering::Acquire));
        self.degraded == Some(true) || in_a_task()
    }

    /// An attempt begins: what the last one left behind is gone with its outcome.
    pub(crate) fn clear_marks(&mut self) {
        (self.marks, self.gave_up) = (None, false);
        self.degraded = self.degraded.map(|_| false);
    }

    /// A fallback has answered: what went wrong before it is mended, and the call is degraded.
    pub(crate) fn answered(&mut self) {
        self.clear_marks();
        self.degrade();
    }

    /// What this call returns is not all it could be.
    pub(crate) fn degrade(&mut self) {
        self.degraded = self.degraded.map(|_| true);
        if let Some(marks) = &self.marks {
            marks.degraded.store(true, Ordering::Release);
        }
    }

    /// The outcome of this call is a failure on which the retry of `site` has given up.
    pub(crate) fn give_up(&mut self, site: &'static Site) {
        let degraded = self.is_degraded();
        (self.marks, self.gave_up) = (None, true);
        self.exhaust(site);
        if degraded {
            self.degrade();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static SITE: Site = Site::without_function("gives up");

    #[test]
    fn outside_of_any_call_nothing_is_kept() {
        let mut root = Context::NONE;
        root.exhaust(&SITE);
        root.degrade();
        assert!(root.marks.is_none() && !root.is_degraded());
        let mut call = root.child();
        call.exhaust(&SITE);
        assert!(call.exhausted().is_some());
    }
}
