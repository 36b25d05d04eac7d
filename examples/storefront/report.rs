//! The numbers of one run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::seen::{Decision, tally};
use crate::shared::percentile::percentile;
use crate::shop::Shop;
use crate::trouble::Plan;
use crate::visitors::{Outcome, Visit};

/// How long after a trouble an answer may still be degraded by it: until a breaker has asked again.
const AFTERMATH: Duration = Duration::from_secs(1);

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) pages: usize,
    pub(crate) whole: usize,
    pub(crate) degraded: usize,
    /// Degraded answers for which a dependency that was well is to blame: there should be none.
    pub(crate) degraded_without_cause: usize,
    pub(crate) given_up: usize,
    pub(crate) errors: usize,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) p99_9_ms: f64,
    pub(crate) slowest_ms: f64,
    /// By dependency.
    pub(crate) asked: BTreeMap<&'static str, Asked>,
    /// From the library's events: degraded answers by part and reason, rejections by their kind, and more.
    pub(crate) parts: BTreeMap<String, BTreeMap<String, u64>>,
    pub(crate) rejections: BTreeMap<String, u64>,
    pub(crate) breaker_openings: usize,
    pub(crate) hedges: usize,
    pub(crate) hedges_won: usize,
    pub(crate) retries: usize,
}

/// What a dependency was asked.
#[derive(Debug, Serialize)]
pub(crate) struct Asked {
    pub(crate) calls: u64,
    pub(crate) refused: u64,
    pub(crate) longest_queue: u32,
}

impl Report {
    pub(crate) fn new(
        plan: Plan,
        start: Instant,
        shop: &Shop,
        visits: &[Visit],
        decisions: &[Decision],
    ) -> Self {
        let mut took: Vec<_> = visits.iter().map(|visit| visit.took).collect();
        took.sort_unstable();
        let count = |outcome| visits.iter().filter(|visit| visit.outcome() == outcome).count();
        let events = |event: &'static str| decisions.iter().filter(move |decision| decision.is(event));
        Self {
            pages: visits.len(),
            whole: count(Outcome::Whole),
            degraded: count(Outcome::Degraded),
            degraded_without_cause: events("degraded")
                .filter(|answer| !has_cause(plan, start, answer))
                .count(),
            given_up: count(Outcome::GivenUp),
            errors: count(Outcome::Failed),
            p50_ms: percentile(&took, 500),
            p99_ms: percentile(&took, 990),
            p99_9_ms: percentile(&took, 999),
            slowest_ms: percentile(&took, 1_000),
            asked: asked(shop),
            parts: parts(decisions),
            rejections: tally(events("rejected").map(|decision| &decision.why)),
            breaker_openings: events("transition").filter(|decision| decision.why == "open").count(),
            hedges: events("hedge_started").count(),
            hedges_won: events("hedge_won").count(),
            retries: events("retry_scheduled").count(),
        }
    }
}

/// Whether the dependency misbehaved then, or shortly before.
fn has_cause(plan: Plan, start: Instant, answer: &Decision) -> bool {
    let mut phases = plan.phases().into_iter().filter(|phase| phase.dependency == answer.part);
    phases.any(|phase| (phase.time.start..phase.time.end + AFTERMATH).contains(&(answer.at - start)))
}

fn asked(shop: &Shop) -> BTreeMap<&'static str, Asked> {
    let all = [&shop.profile, &shop.catalogue, &shop.prices, &shop.suggestions, &shop.reviews, &shop.stock];
    let asked = all.map(|dependency| {
        let asked = Asked {
            calls: dependency.calls(),
            refused: dependency.refused(),
            longest_queue: dependency.longest_queue(),
        };
        (dependency.name(), asked)
    });
    asked.into()
}

fn parts(decisions: &[Decision]) -> BTreeMap<String, BTreeMap<String, u64>> {
    let degraded = || decisions.iter().filter(|decision| decision.is("degraded"));
    let names = tally(degraded().map(|decision| &decision.part)).into_keys();
    let why = |name: &String| {
        tally(degraded().filter(|decision| decision.part == *name).map(|decision| &decision.why))
    };
    names.map(|name| (name.clone(), why(&name))).collect()
}
