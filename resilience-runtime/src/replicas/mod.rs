//! Several equal targets, each with its own breaker.

mod choice;
mod path;
pub(crate) mod picks;
mod set;

use std::pin::pin;
use std::sync::Arc;

pub(crate) use path::Path;
use set::Set;

use crate::call::enter;
use crate::circuit_breaker::{CircuitBreaker, State};
use crate::edge::{PolicyError, edge};
use crate::{Error, Gauges};

/// A call remembers in one word which it has tried.
const MOST: usize = 64;

/// Several equal targets, each with its own circuit breaker.
pub struct Replicas<T> {
    targets: Box<[T]>,
    set: Arc<Set>,
}

crate::owner::debug_of!(Replicas<T>: this => this.set.site.name(), "states": this.states().collect::<Vec<_>>());

/// Why there are no such [`Replicas`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicasError {
    /// There is nobody to pick.
    #[error("the replicas `{name}` have no member: give at least one target")]
    Empty {
        /// The name of the set.
        name: &'static str,
    },
    /// More than a set can have.
    #[error("the replicas `{name}` have {members} members, and {MOST} is the most: make several sets")]
    TooMany {
        /// The name of the set.
        name: &'static str,
        /// How many there would be.
        members: usize,
    },
}

impl<T> Replicas<T> {
    /// From 1 to 64 targets. The breaker is the pattern for the breaker of each; its name is the name of the set, and that
    /// of member 2 is `name[2]`.
    pub fn new(breaker: CircuitBreaker, targets: impl IntoIterator<Item = T>) -> Result<Self, ReplicasError> {
        let targets: Box<[T]> = targets.into_iter().collect();
        let (name, members) = (breaker.site().name(), targets.len());
        match members {
            0 => Err(ReplicasError::Empty { name }),
            1..=MOST => Ok(Self { targets, set: Arc::new(Set::new(breaker, members)) }),
            _ => Err(ReplicasError::TooMany { name, members }),
        }
    }

    /// A healthy member that this call has not tried yet; where it has tried all healthy ones, one of these again. Nobody
    /// healthy is [`Kind::CircuitOpen`](crate::Kind::CircuitOpen), with the least time after which one may be back.
    ///
    /// The enclosing retry or hedge records on it what the attempt comes to. Outside of one nothing is recorded:
    /// [`run`](Self::run) serves there.
    pub fn pick(&self) -> Result<&T, Error> {
        self.set.pick().map(|member| &self.targets[member])
    }

    /// Picks a member, runs `body` with it, once, and records what its error means.
    ///
    /// Dropping the future drops the body, and says nothing about the member.
    pub async fn run<'a, V, E, F>(&'a self, body: impl FnOnce(&'a T) -> F) -> Result<V, E>
    where
        E: PolicyError,
        F: Future<Output = Result<V, E>>,
    {
        let edge = edge::<Result<V, E>>();
        let call = pin!(async {
            let (member, mut permit) = self.set.admit()?;
            let outcome = edge.attempt_later(body(&self.targets[member])).await;
            permit.settle(edge.verdict(&outcome, None, None));
            outcome
        });
        edge.leave(enter(call).await)
    }

    /// The targets, in the order in which they were given.
    pub fn targets(&self) -> &[T] {
        &self.targets
    }

    /// The state of each member's breaker, in the order of the targets.
    pub fn states(&self) -> impl ExactSizeIterator<Item = State> {
        self.set.breakers.iter().map(CircuitBreaker::state)
    }

    /// What the set holds at this moment: the probes that are out.
    pub fn gauges(&self) -> Gauges {
        self.set.breakers.iter().map(CircuitBreaker::gauges).sum()
    }
}
