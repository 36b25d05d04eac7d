//! One run, in one of the two modes: from the ledger and the gateway to the table.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::args::Options;
use crate::folder::Folder;
use crate::history::History;
use crate::ledger::Doubts;
use crate::load::{Load, Visit};
use crate::picture::Panel;
use crate::process::Process;
use crate::report::Report;
use crate::seen::Seen;
use crate::shared::progress::{self, Progress};
use crate::shop::Shop;
use crate::stop::Stop;

/// What is left of a run.
pub(crate) struct Finished {
    pub(crate) report: Report,
    visits: Vec<Visit>,
    history: History,
}

impl Finished {
    pub(crate) fn panel(&self, mode: &'static str) -> Panel<'_> {
        Panel { mode, counts: self.report.counts(), visits: &self.visits, history: &self.history }
    }
}

pub(crate) async fn run(options: &Options, seen: &Seen) -> Result<Finished, Stop> {
    let folder = Folder::open(options)?;
    let doubts = if options.unprotected {
        Doubts::none()
    } else {
        Doubts::open(options.backend.as_ref().unwrap_or(&folder.ledger), &folder.run).await?
    };
    let mut gateway = Process::start(options.plan, &folder.book).await?;
    // The gateway before this one has left the book, and nobody has asked this one for anything yet.
    let before = History::read(&folder.book)?;
    let load = Arc::new(Load {
        shop: Shop { gateway: gateway.address, run: folder.run.clone() },
        seed: options.plan.seed,
        orders: options.orders,
        submitted: before.submitted(),
        unprotected: options.unprotected,
        done: AtomicU64::new(0),
    });

    let visits = tokio::select! {
        visits = load.clone().run() => visits,
        never = progress::show(|| progress(&load, seen)) => match never {},
        status = gateway.died() => {
            return Err(io::Error::other(format!("the gateway died: {}", status?)).into());
        }
    };
    gateway.stop().await?;

    let history = History::read(&folder.book)?;
    let settled = doubts.settle(&before, &history);
    let report = Report::new(options, &folder, &history, settled, seen, &visits);
    Ok(Finished { report, visits, history })
}

fn progress(load: &Load, seen: &Seen) -> Progress {
    let (done, all) = (load.done.load(Relaxed), load.orders);
    let words = format!(
        "{done}/{all} orders, breaker {}, {} retries, {} timeouts",
        seen.breaker(),
        seen.retried.load(Relaxed),
        seen.timed_out.load(Relaxed),
    );
    Progress { done, all, words }
}
