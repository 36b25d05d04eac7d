//! One run, in one of the two modes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::time::Instant;

use crate::dependency::{Dependency, Nature};
use crate::report::Report;
use crate::seen::{Decision, Seen};
use crate::shared::progress::{self, Progress};
use crate::shop::Shop;
use crate::trouble::Plan;
use crate::visitors::{self, PER_SECOND, Visit};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Protected,
    Unprotected,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
        }
    }
}

/// What is left of a run.
pub(crate) struct Finished {
    pub(crate) mode: Mode,
    pub(crate) start: Instant,
    pub(crate) visits: Vec<Visit>,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) report: Report,
}

pub(crate) async fn run(mode: Mode, plan: Plan, seen: &Seen) -> Finished {
    let start = Instant::now();
    let shop = Arc::new(shop(plan, start));
    let done = Arc::new(AtomicU64::new(0));
    let visits = tokio::select! {
        visits = visitors::all(shop.clone(), mode, plan.seconds, start, &done) => visits,
        never = progress::show(|| progress(mode, plan, start, done.load(Relaxed))) => match never {},
    };
    let decisions = seen.take();
    let report = Report::new(plan, start, &shop, &visits, &decisions);
    Finished { mode, start, visits, decisions, report }
}

/// A shop with its dependencies. Each can bear half as much again as it is asked, on a good day.
fn shop(plan: Plan, start: Instant) -> Shop {
    let started = |nature| Dependency::start(nature, plan, start);
    Shop {
        profile: started(Nature { work: 5..=15, answers: 1..=9_999, ..usual("profile") }),
        catalogue: started(Nature { work: 10..=25, ..usual("catalogue") }),
        prices: started(Nature { work: 5..=20, answers: 500..=9_999, ..usual("prices") }),
        suggestions: started(usual("suggestions")),
        reviews: started(Nature { workers: 5, answers: 0..=99, ..usual("reviews") }),
        stock: started(Nature { workers: 4, queue: 40, refuses: 10, answers: 0..=20, ..usual("stock") }),
    }
}

fn usual(name: &'static str) -> Nature {
    Nature { name, workers: 8, queue: 1_000, refuses: 0, work: 10..=30, answers: 1..=500 }
}

fn progress(mode: Mode, plan: Plan, start: Instant, done: u64) -> Progress {
    let all = plan.seconds * u64::from(PER_SECOND);
    let now = start.elapsed();
    let weather = match plan.phases().into_iter().find(|phase| phase.time.contains(&now)) {
        Some(phase) => format!("{}: {}", phase.dependency, phase.trouble.in_words()),
        None => "all well".to_owned(),
    };
    let words = format!("{}: {done}/{all} pages; {weather}", mode.name());
    Progress { done, all, words }
}
