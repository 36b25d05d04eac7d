//! A call of which a part runs on another thread: the context that goes along, and what comes back.

use super::Context;
use crate::Site;

/// What a part of a call that runs on another thread tells the call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    attempts: u16,
    harmless: u16,
    exhausted: Option<&'static Site>,
    gave_up: bool,
    degraded: bool,
}

impl Tally {
    /// As long as nobody knows how far it has come: it may have run, and it may have more to tell.
    pub(crate) fn at_least(self) -> Self {
        Self { attempts: self.attempts.max(1), ..Self::default() }
    }

    /// What was added to `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        let attempts = self.attempts.saturating_sub(before.attempts);
        Self { attempts, harmless: self.harmless.saturating_sub(before.harmless), ..self }
    }
}

impl Context {
    /// The context of this very call on another thread.
    pub(crate) fn elsewhere(&mut self) -> Self {
        let (attempts, harmless, repeats) = (self.attempts, self.harmless, self.repeats);
        Self { attempts, harmless, repeats, ..self.child() }
    }

    /// What has been counted and marked so far.
    pub(crate) fn tally(&self) -> Tally {
        let Self { attempts, harmless, gave_up, .. } = *self;
        Tally { attempts, harmless, exhausted: self.exhausted(), gave_up, degraded: self.is_degraded() }
    }

    /// A part of this call on another thread was known to have done `was`, and has done `is`.
    pub(crate) fn recount(&mut self, was: Tally, is: Tally) {
        let change = |count: u16, was: u16, is: u16| count.saturating_sub(was).saturating_add(is);
        self.attempts = change(self.attempts, was.attempts, is.attempts);
        self.harmless = change(self.harmless, was.harmless, is.harmless);
        self.gave_up |= is.gave_up;
        if let Some(site) = is.exhausted {
            self.exhaust(site);
        }
        if is.degraded {
            self.degrade();
        }
    }
}
