//! One run, in one of the two modes: from the ledger and the gateway to the table.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::task::JoinSet;

use crate::args::{GATEWAY, Options};
use crate::folder::Folder;
use crate::front::{Front, Here};
use crate::history::History;
use crate::ledger::Doubts;
use crate::load::{Load, Visit};
use crate::picture::Panel;
use crate::process::Process;
use crate::report::Report;
use crate::seen::{Counts, Seen};
use crate::shared::progress::{self, Progress};
use crate::shop::Shop;
use crate::stop::Stop;
use crate::workers::Workers;

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
    let backend = options.backend.as_ref().unwrap_or(&folder.ledger);
    let doubts = match options.workers {
        _ if options.unprotected => Doubts::none(),
        1 => Doubts::install(backend, &folder.run).await?,
        _ => Doubts::look(backend, &folder.run).await?,
    };
    let mut gateway = gateway(options, &folder).await?;
    // The gateway before this one has left the book, and nobody has asked this one for anything yet.
    let before = History::read(&folder.book)?;
    let (front, mut workers) = front(options, &gateway, &folder).await?;
    let load = Arc::new(Load {
        front,
        seed: options.plan.seed,
        orders: options.orders,
        submitted: before.submitted(),
        done: AtomicU64::new(0),
    });

    let visits = tokio::select! {
        visits = load.clone().run() => visits,
        never = progress::show(|| progress(&load, seen)) => match never {},
        status = gateway.died() => {
            return Err(io::Error::other(format!("the gateway died: {}", status?)).into());
        }
        Some(failed) = workers.join_next() => return Err(failed.unwrap_or_else(io::Error::other).into()),
    };
    let counts = load.front.counts(seen).await;
    workers.shutdown().await;
    gateway.stop().await?;

    let history = History::read(&folder.book)?;
    let settled = doubts.settle(&before, &history);
    let report = Report::new(options, &folder, &history, settled, counts, &visits);
    Ok(Finished { report, visits, history })
}

async fn gateway(options: &Options, folder: &Folder) -> io::Result<Process> {
    let (seed, faults) = (options.plan.seed.to_string(), options.plan.faults.name());
    let args = [GATEWAY, "--seed", &seed, "--faults", faults, "--book"].map(OsStr::new);
    let started = Process::start(&[&args[..], &[folder.book.as_os_str()]].concat(), None).await;
    started.map_err(|error| io::Error::new(error.kind(), format!("the gateway: {error}")))
}

async fn front(
    options: &Options,
    gateway: &Process,
    folder: &Folder,
) -> io::Result<(Front, JoinSet<io::Error>)> {
    if options.workers > 1 {
        let (workers, kept) = Workers::start(options, gateway.address, &folder.run).await?;
        return Ok((Front::Workers(workers), kept));
    }
    let shop = Shop { gateway: gateway.address, run: folder.run.clone() };
    Ok((Front::Here(Here { shop, unprotected: options.unprotected }), JoinSet::new()))
}

fn progress(load: &Load, seen: &Seen) -> Progress {
    let (done, all) = (load.done.load(Relaxed), load.orders);
    let words = match load.front {
        Front::Here(_) => {
            let (Counts { retried, timed_out, .. }, breaker) = (seen.counts(), seen.breaker());
            format!("{done}/{all} orders, breaker {breaker}, {retried} retries, {timed_out} timeouts")
        }
        Front::Workers(_) => format!("{done}/{all} orders"),
    };
    Progress { done, all, words }
}
