//! What runs under the policies.

use std::hint::black_box;

use resilience::Failure;

#[derive(Debug, thiserror::Error, Failure)]
pub(crate) enum Fault {
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

pub(crate) type Reply = Result<u64, Fault>;

/// How a body comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// At its first poll.
    Ready,
    /// After one wait.
    Pending,
    /// After ten waits.
    Yielding,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Ready, Self::Pending, Self::Yielding];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Pending => "pending",
            Self::Yielding => "yielding",
        }
    }

    fn waits(self) -> u32 {
        match self {
            Self::Ready => 0,
            Self::Pending => 1,
            Self::Yielding => 10,
        }
    }

    /// Calls of one turn: some milliseconds.
    pub(crate) fn calls(self) -> u32 {
        match self {
            Self::Ready => 20_000,
            Self::Pending => 5_000,
            Self::Yielding => 1_000,
        }
    }
}

/// It succeeds. Each wait gives the worker to whoever is next.
pub(crate) async fn body(shape: Shape) -> Reply {
    for _ in 0..shape.waits() {
        tokio::task::yield_now().await;
    }
    Ok(black_box(7))
}

/// It fails, and opens whatever counts failures.
pub(crate) async fn failing() -> Reply {
    Err(black_box(Fault::Unreachable))
}
