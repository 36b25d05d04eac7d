//! What a fleet does: operations whose every effect is in the book.

use std::cell::Cell;
use std::time::Duration;

use resilience::{Error, Kind, context, idempotent};

use crate::book::Book;

/// Short, so that a test can outwait it.
pub(crate) const LEASE: Duration = Duration::from_secs(1);

tokio::task_local! {
    /// The body has run in this call.
    static RAN: Cell<bool>;
}

#[derive(Clone, Copy)]
pub(crate) enum Guarantee {
    Dedup,
    AtMostOnce,
    /// As the first, with a lease that outlives the restart of a server.
    Patient,
}

impl Guarantee {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "dedup" => Self::Dedup,
            "at_most_once" => Self::AtMostOnce,
            "patient" => Self::Patient,
            other => panic!("no such guarantee: {other}"),
        }
    }
}

/// What the body does besides its effect.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    Usual,
    /// The process dies before its effect, or after it.
    DiesBefore,
    DiesAfter,
    /// It waits before its effect, or after it.
    WaitsBefore(Duration),
    WaitsAfter(Duration),
    /// It waits before and after.
    Takes(Duration, Duration),
}

impl Body {
    pub(crate) fn named(name: &str) -> Self {
        match name {
            "dies-before" => Self::DiesBefore,
            "dies-after" => Self::DiesAfter,
            "waits-before" => Self::WaitsBefore(Duration::from_millis(300)),
            "waits-after" => Self::WaitsAfter(Duration::from_millis(300)),
            other => panic!("no such body: {other}"),
        }
    }

    async fn run(self, key: u64) -> Result<u64, Error> {
        RAN.with(|ran| ran.set(true));
        match self {
            Self::DiesBefore => std::process::abort(),
            Self::WaitsBefore(time) | Self::Takes(time, _) => tokio::time::sleep(time).await,
            _ => {}
        }
        let effect = fastrand::u64(..);
        let fence = context::fencing_token().expect("it is claimed");
        Book::write(&format!("effect,{key},{fence},{effect}"));
        match self {
            Self::DiesAfter => std::process::abort(),
            Self::WaitsAfter(time) | Self::Takes(_, time) => tokio::time::sleep(time).await,
            _ => {}
        }
        Ok(effect)
    }
}

#[idempotent(key = key, lease = "1s", wait = "5s")]
async fn dedup(key: u64, body: Body) -> Result<u64, Error> {
    body.run(key).await
}

#[idempotent(key = key, lease = "1s", wait = "5s", guarantee = at_most_once)]
async fn at_most_once(key: u64, body: Body) -> Result<u64, Error> {
    body.run(key).await
}

#[idempotent(key = key, lease = "30s", wait = "5s")]
async fn patient(key: u64, body: Body) -> Result<u64, Error> {
    body.run(key).await
}

/// How a call ended.
pub(crate) struct Called {
    pub(crate) result: Result<u64, Kind>,
    /// Without its body: the result was kept.
    pub(crate) replayed: bool,
}

pub(crate) async fn call(key: u64, guarantee: Guarantee, body: Body) -> Called {
    RAN.scope(Cell::new(false), async {
        let result = match guarantee {
            Guarantee::Dedup => dedup(key, body).await,
            Guarantee::AtMostOnce => at_most_once(key, body).await,
            Guarantee::Patient => patient(key, body).await,
        };
        let replayed = result.is_ok() && !RAN.with(Cell::get);
        Called { result: result.map_err(|error| error.kind()), replayed }
    })
    .await
}
