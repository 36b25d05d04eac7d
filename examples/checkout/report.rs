//! The table at the end, and the same as JSON.

use std::fmt;

use serde::Serialize;

use crate::args::Options;
use crate::folder::Folder;
use crate::history::{History, Tally};
use crate::ledger::Settled;
use crate::load::Visit;
use crate::seen::Counts;
use crate::shared::percentile::{in_words, percentile};

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    protected: bool,
    faults: &'static str,
    seed: u64,
    orders: u64,
    // From the gateway's book, over all that there was of the run:
    #[serde(flatten)]
    tally: Tally,
    // From the ledger as it was opened, and the book:
    resumed: bool,
    #[serde(flatten)]
    settled: Settled,
    /// Processes of the shop.
    workers: u64,
    // From the library's events, in this process or in the workers:
    #[serde(flatten)]
    counts: Counts,
    // From the customers of this process:
    resubmitted: u64,
    gave_up: u64,
    p50_ms: f64,
    p99_ms: f64,
    book: String,
}

impl Report {
    pub(crate) fn new(
        options: &Options,
        folder: &Folder,
        history: &History,
        settled: Settled,
        counts: Counts,
        visits: &[Visit],
    ) -> Self {
        let mut took: Vec<_> = visits.iter().map(|visit| visit.took).collect();
        took.sort_unstable();
        Self {
            protected: !options.unprotected,
            faults: options.plan.faults.name(),
            seed: options.plan.seed,
            orders: options.orders,
            tally: history.tally(options.orders),
            resumed: folder.resumed,
            settled,
            workers: options.workers,
            counts,
            resubmitted: visits.iter().map(|visit| visit.submissions - 1).sum(),
            gave_up: visits.iter().map(|visit| u64::from(!visit.has_receipt)).sum(),
            p50_ms: percentile(&took, 500),
            p99_ms: percentile(&took, 990),
            book: folder.book.display().to_string(),
        }
    }

    /// The outcome as one line.
    pub(crate) fn counts(&self) -> String {
        let Tally { charged_once, double_charged, lost, .. } = self.tally;
        let [p50, p99] = [self.p50_ms, self.p99_ms].map(in_words);
        format!(
            "{charged_once} charged once, {double_charged} twice or more, {lost} never; p50 {p50}, p99 {p99}"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = if self.protected { "protected" } else { "unprotected" };
        let resumed = if self.resumed { ", resumed" } else { "" };
        let workers = if self.workers > 1 { format!(", {} workers", self.workers) } else { String::new() };
        writeln!(f, "{mode}, {} faults, seed {}{workers}{resumed}\n", self.faults, self.seed)?;
        let Settled { all, charged, run, open } = self.settled;
        for (name, value, shown) in [
            ("orders", self.orders, true),
            ("charged once", self.tally.charged_once, true),
            ("double charged", self.tally.double_charged, true),
            ("lost", self.tally.lost, true),
            ("in doubt when it resumed", all, self.resumed),
            ("  charged before that", charged, self.resumed),
            ("  charged in this run", run, self.resumed),
            ("  still open", open, self.resumed),
            ("replayed", self.counts.replayed, true),
            ("retried", self.counts.retried, true),
            ("timed out", self.counts.timed_out, true),
            ("breaker openings", self.counts.breaker_opened, true),
            ("requests at the gateway", self.tally.requests, true),
            ("resubmitted by customers", self.resubmitted, true),
            ("customers who gave up", self.gave_up, true),
        ] {
            if shown {
                writeln!(f, "  {name:<26}{value:>10}")?;
            }
        }
        writeln!(f, "  {:<26}{:>10.1} ms", "p50", self.p50_ms)?;
        writeln!(f, "  {:<26}{:>10.1} ms", "p99", self.p99_ms)?;
        write!(f, "\nThe gateway's book: {}", self.book)
    }
}
