//! Both runs beside each other, for the terminal.

use std::collections::BTreeMap;
use std::fmt;

use crate::report::Report;
use crate::run::Finished;
use crate::shared::percentile::in_words;
use crate::trouble::Plan;
use crate::visitors::{Outcome, PATIENCE, PER_SECOND};

pub(crate) struct Table<'a> {
    pub(crate) plan: Plan,
    pub(crate) protected: &'a Finished,
    pub(crate) unprotected: &'a Finished,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { seed, seconds } = self.plan;
        writeln!(f, "{PER_SECOND} pages a second for {seconds} s, seed {seed}\n")?;
        writeln!(f, "  {:<30}{:>14}{:>14}", "", self.protected.mode.name(), self.unprotected.mode.name())?;
        self.pages(f)?;
        self.asked(f)?;
        decisions(f, &self.protected.report)?;
        self.sample(f, "a whole page", Outcome::Whole)?;
        self.sample(f, "a degraded page", Outcome::Degraded)
    }
}

impl Table<'_> {
    fn row(&self, f: &mut fmt::Formatter<'_>, name: &str, value: impl Fn(&Report) -> String) -> fmt::Result {
        let [protected, unprotected] = [self.protected, self.unprotected].map(|run| value(&run.report));
        writeln!(f, "  {name:<30}{protected:>14}{unprotected:>14}")
    }

    fn pages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given_up = format!("  given up after {} s", PATIENCE.as_secs());
        self.row(f, "pages", |run| run.pages.to_string())?;
        self.row(f, "  error pages", |run| run.errors.to_string())?;
        self.row(f, &given_up, |run| run.given_up.to_string())?;
        self.row(f, "  degraded", |run| run.degraded.to_string())?;
        self.row(f, "p50", |run| in_words(run.p50_ms))?;
        self.row(f, "p99", |run| in_words(run.p99_ms))?;
        self.row(f, "p99.9", |run| in_words(run.p99_9_ms))?;
        self.row(f, "slowest", |run| in_words(run.slowest_ms))
    }

    fn asked(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in self.protected.report.asked.keys() {
            self.row(f, &format!("calls of {name}"), |run| run.asked[name].calls.to_string())?;
            if self.plan.phases().iter().any(|phase| phase.dependency == *name) {
                self.row(f, "  most in its queue", |run| run.asked[name].longest_queue.to_string())?;
                self.row(f, "  refused (503)", |run| run.asked[name].refused.to_string())?;
            }
        }
        Ok(())
    }

    /// The last page that came out so.
    fn sample(&self, f: &mut fmt::Formatter<'_>, name: &str, outcome: Outcome) -> fmt::Result {
        let mut visits = self.protected.visits.iter().rev();
        match visits.find(|visit| visit.outcome() == outcome).and_then(|visit| visit.page.as_ref()) {
            Some(page) => write!(f, "\n  {name:<18}{page}"),
            None => Ok(()),
        }
    }
}

/// What the policies did.
fn decisions(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    writeln!(f, "\nDegraded answers, and why:")?;
    for (part, why) in &report.parts {
        writeln!(f, "  {part:<20}{:>6}   {}", why.values().sum::<u64>(), in_a_line(why))?;
    }
    writeln!(f, "\nRejections: {}", in_a_line(&report.rejections))?;
    writeln!(
        f,
        "Breaker openings {}, hedges {} (of which won {}), retries {}",
        report.breaker_openings, report.hedges, report.hedges_won, report.retries
    )
}

fn in_a_line(tally: &BTreeMap<String, u64>) -> String {
    let each: Vec<_> = tally.iter().map(|(name, count)| format!("{name} {count}")).collect();
    each.join(", ")
}
