//! The permission of one call, from its admission to its end.

use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::CircuitBreaker;
use super::breaker::{Breaker, Ended, Pass};
use crate::event::reject;
use crate::failure::Verdict;
use crate::time::Tick;
use crate::{Error, Kind, Site};

/// A call that the breaker has let in. Dropped without an outcome it was cancelled: neutral, and a probe is given
/// again. Dropped by a panic it has failed.
#[must_use = "a permit that is dropped at once counts as a cancelled call"]
pub struct Permit<B: Deref<Target = CircuitBreaker>> {
    /// `None` once the call has ended.
    engine: Option<B>,
    /// The state in a scope or under a key, instead of the engine's own. It goes with the engine: each function that holds a permit
    /// would drop it by code of its own.
    other: ManuallyDrop<Option<Arc<Breaker>>>,
    pass: Pass,
    start: Option<Tick>,
}

impl<B: Deref<Target = CircuitBreaker>> Permit<B> {
    pub(super) fn of(engine: B, other: Option<Arc<Breaker>>, site: &'static Site) -> Result<Self, Error> {
        Self::under(engine, other).map_err(|wait| reject(Kind::CircuitOpen, site).after(wait))
    }

    /// Asks without a rejection: refused, it gives the time until it makes sense to ask again, where that is known.
    pub(crate) fn ask(engine: B) -> Result<Self, Option<Duration>> {
        let scoped = engine.home.scoped(Breaker::new);
        Self::under(engine, scoped)
    }

    fn under(engine: B, other: Option<Arc<Breaker>>) -> Result<Self, Option<Duration>> {
        let breaker = other.as_deref().unwrap_or(&engine.home.state);
        let pass = breaker.admit(engine.owner.name(), &engine.params)?;
        let start = engine.params.slow_call.map(|_| Tick::now());
        Ok(Self { engine: Some(engine), other: ManuallyDrop::new(other), pass, start })
    }

    /// The call has ended.
    pub fn settle(&mut self, verdict: Verdict) {
        self.end(match verdict {
            Verdict::Success => Ended::Succeeded,
            Verdict::Transient => Ended::Failed,
            Verdict::Permanent => Ended::Answered,
            Verdict::Throttled(_) | Verdict::Neutral => Ended::Neutral,
        });
    }

    fn end(&mut self, ended: Ended) {
        let Some(engine) = self.engine.take() else { return };
        let other = self.other.take();
        let CircuitBreaker { owner, params, home } = &*engine;
        let breaker = other.as_deref().unwrap_or(&home.state);
        let slow = || match (self.start, params.slow_call) {
            (Some(start), Some(slow)) => Tick::now().since(start) >= slow,
            _ => false,
        };
        breaker.end(owner.name(), params, self.pass, ended, slow);
    }
}

impl<B: Deref<Target = CircuitBreaker>> Drop for Permit<B> {
    #[inline(never)]
    fn drop(&mut self) {
        self.end(if std::thread::panicking() { Ended::Failed } else { Ended::Neutral });
    }
}
