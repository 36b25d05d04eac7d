//! The visitors. They arrive at a steady rate, however badly those before them fare: a slow shop does not get a smaller
//! load.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

use crate::page::Page;
use crate::run::Mode;
use crate::shop::Shop;

pub(crate) const PER_SECOND: u32 = 100;
/// Who has no page by then has left.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// How it went for one of them.
pub(crate) struct Visit {
    /// When it was their turn, since the run began.
    pub(crate) arrived: Duration,
    /// From then to the answer, also where nobody waits for it any more.
    pub(crate) took: Duration,
    pub(crate) page: Option<Page>,
}

/// What the visitor got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Whole,
    Degraded,
    /// A page, after they had left.
    GivenUp,
    /// An error page.
    Failed,
}

impl Visit {
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.page {
            None => Outcome::Failed,
            Some(_) if self.took > PATIENCE => Outcome::GivenUp,
            Some(page) if page.degraded => Outcome::Degraded,
            Some(_) => Outcome::Whole,
        }
    }
}

/// All visitors of a run, in the order in which they have come.
pub(crate) async fn all(
    shop: Arc<Shop>,
    mode: Mode,
    seconds: u64,
    start: Instant,
    done: &Arc<AtomicU64>,
) -> Vec<Visit> {
    let mut arrivals = interval_at(start, Duration::from_secs(1) / PER_SECOND);
    let mut visitors = JoinSet::new();
    for _ in 0..seconds * u64::from(PER_SECOND) {
        let turn = arrivals.tick().await;
        let (shop, done) = (shop.clone(), done.clone());
        visitors.spawn(async move {
            let page = match mode {
                Mode::Protected => shop.page().await,
                Mode::Unprotected => shop.unprotected_page().await,
            };
            done.fetch_add(1, Relaxed);
            Visit { arrived: turn - start, took: turn.elapsed(), page: page.ok() }
        });
    }
    let mut visits = visitors.join_all().await;
    visits.sort_unstable_by_key(|visit| visit.arrived);
    visits
}
