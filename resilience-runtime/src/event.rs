//! Every decision of a policy passes through here once, borrowed.

use std::time::Duration;

use crate::circuit_breaker::State;
use crate::{Class, Kind, NameClash, Site};

/// A decision, and where it fell.
pub(crate) struct Event<'a> {
    /// The site's name.
    pub(crate) site: &'a str,
    pub(crate) decision: Decision<'a>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Decision<'a> {
    /// A policy stopped the call.
    Rejected(Kind),
    /// The value came after its timeout, and was returned.
    Late,
    /// Another attempt follows after a wait.
    RetryScheduled { attempt: u32, wait: Duration },
    /// A retry ends without a success: a failure that would not pass, no attempt or no time left, or the retry of the site
    /// `inner` has given up.
    RetryStopped { attempt: u32, class: Option<&'static str>, why: &'static str, inner: Option<&'static str> },
    /// A further attempt has started beside those that run.
    HedgeStarted { attempt: u32 },
    /// An attempt that is not the first gave the result.
    HedgeWon { attempt: u32 },
    /// A circuit breaker changed its state.
    Transition { from: State, to: State },
    /// A keyed policy has no room for another key: so many calls have shared its common state by now.
    KeysFull { max: usize, calls: u64 },
    /// A fallback answers this error.
    Degraded(Cause),
    /// A stored result was returned instead of a run.
    Replayed,
    /// An operation ended without anybody knowing whether it took effect.
    InDoubt,
    /// The result was returned, but the ledger could not write it yet.
    Unrecorded,
    /// The operation has run, and its result cannot be kept.
    NotKept { why: &'static str },
    /// A full ledger let its oldest result go.
    Evicted,
    /// A ledger that is full of what it must not forget takes no claim.
    LedgerFull,
    /// More claims have to be given up than are remembered while the server is away. It belongs to no site.
    #[cfg(any(test, feature = "postgres", feature = "redis"))]
    ClaimsLeft,
    /// Results are kept in memory because nobody chose a ledger.
    NoLedgerChosen,
    /// Several operations have one name, and none of them runs.
    NameClash(&'a NameClash),
    /// Something about a limit of the fleet.
    Fleet(Fleet<'a>),
    /// A ledger was opened on a server that may forget. It belongs to no site.
    #[cfg(feature = "redis")]
    LedgerAtRisk(Risk),
    /// Only the callers in this process exclude each other, because nobody chose a ledger.
    NoFleet,
    /// A call has the exclusive right.
    Elected { token: u64 },
    /// It has lost the right before its end.
    LeaseLost { why: &'static str },
}

/// What becomes of the count of a fleet's limit.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fleet<'a> {
    /// It is in this process alone, because nobody chose a store.
    CountedAlone,
    /// The store cannot be asked. From now on calls pass uncounted, or are rejected.
    Down { passing: bool, why: &'a str },
    /// It can be asked again; so many calls were not counted.
    Back { passed: bool, calls: u64 },
}

/// What a server may do to the records of a ledger.
#[cfg(feature = "redis")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Risk {
    /// It lets records go when its memory is full.
    Evicts,
    /// It does not write down what it is given.
    Forgets,
    /// It may not be asked.
    Unknown,
}

#[cfg(feature = "redis")]
impl Risk {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Evicts => {
                "the server lets records go when its memory is full, and what they stood for can run again: set \
                 `maxmemory-policy noeviction`"
            }
            Self::Forgets => {
                "the server keeps no log of its writes, and forgets with a restart what it was given since its last \
                 snapshot: set `appendonly yes`"
            }
            Self::Unknown => {
                "the server does not say (`INFO`) whether it evicts and whether it writes down what it is given"
            }
        }
    }
}

/// What went wrong, in a word.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cause {
    /// A policy of this stack stopped the call.
    Rejection(Kind),
    /// The body's own error, with its class where somebody has said it.
    Failure(Option<Class>),
}

/// Tells whoever listens. Without a listener it costs the check of a static per kind of event.
pub(crate) fn emit(event: &Event<'_>) {
    let site = event.site;
    match event.decision {
        Decision::Rejected(kind) => {
            tracing::debug!(target: "resilience", event = "rejected", site, kind = ?kind);
        }
        Decision::Late => tracing::debug!(target: "resilience", event = "late", site),
        Decision::RetryScheduled { attempt, wait } => {
            let wait = wait.as_secs_f64() * 1e3;
            tracing::debug!(target: "resilience", event = "retry_scheduled", site, attempt, delay_ms = wait);
        }
        Decision::RetryStopped { attempt, class, why, inner } => {
            tracing::debug!(target: "resilience", event = "retry_stopped", site, attempt, class, why, inner);
        }
        Decision::HedgeStarted { attempt } => {
            tracing::debug!(target: "resilience", event = "hedge_started", site, attempt);
        }
        Decision::HedgeWon { attempt } => {
            tracing::debug!(target: "resilience", event = "hedge_won", site, attempt);
        }
        Decision::Transition { from, to } => {
            let (from, to) = (from.name(), to.name());
            tracing::info!(target: "resilience", event = "transition", site, from, to);
        }
        Decision::KeysFull { max, calls } => tracing::warn!(
            target: "resilience", event = "keys_full", site, max, calls,
            "no room for another key: these calls share one state; raise `max_keys`, or look at what makes the keys"
        ),
        Decision::Degraded(Cause::Rejection(kind)) => {
            tracing::debug!(target: "resilience", event = "degraded", site, kind = ?kind);
        }
        Decision::Degraded(Cause::Failure(Some(class))) => {
            tracing::debug!(target: "resilience", event = "degraded", site, class = ?class);
        }
        Decision::Degraded(Cause::Failure(None)) => {
            tracing::debug!(target: "resilience", event = "degraded", site, class = "unknown");
        }
        Decision::Replayed => tracing::debug!(target: "resilience", event = "replayed", site),
        Decision::InDoubt => tracing::warn!(target: "resilience", event = "in_doubt", site),
        Decision::Unrecorded => tracing::warn!(target: "resilience", event = "unrecorded", site),
        Decision::NotKept { why } => emit_not_kept(site, why),
        Decision::Evicted => emit_evicted(site),
        Decision::LedgerFull => emit_full(site),
        #[cfg(feature = "redis")]
        Decision::LedgerAtRisk(risk) => emit_risk(risk),
        #[cfg(any(test, feature = "postgres", feature = "redis"))]
        Decision::ClaimsLeft => emit_claims_left(),
        Decision::NameClash(clash) => emit_clash(site, clash),
        Decision::Fleet(count) => emit_of_fleet(site, count),
        Decision::NoLedgerChosen => emit_unchosen(
            site,
            "results are kept in memory and end with the process; choose a ledger with `Runtime::builder()` or RESILIENCE_BACKEND",
        ),
        Decision::NoFleet => emit_unchosen(
            site,
            "only callers in this process exclude each other; choose the ledger of the fleet with RESILIENCE_BACKEND",
        ),
        Decision::Elected { token } => tracing::debug!(target: "resilience", event = "elected", site, token),
        Decision::LeaseLost { why } => tracing::warn!(target: "resilience", event = "lease_lost", site, why),
    }
}

/// It belongs to no site.
pub(crate) fn emit_forked() {
    tracing::warn!(
        target: "resilience", event = "forked",
        "this process is a copy (`fork`) of one whose calls had deadlines: the thread that wakes them is not copied. Calls that \
         begin here keep theirs by the timers of tokio; those that were under way have none"
    );
}

fn emit_clash(site: &str, clash: &NameClash) {
    tracing::error!(target: "resilience", event = "name_clash", site, "none of their calls run: {clash}");
}

fn emit_not_kept(site: &str, why: &str) {
    tracing::warn!(
        target: "resilience", event = "not_kept", site, why,
        "a result is not kept: other calls with its key get `ResultNotKept`"
    );
}

fn emit_evicted(site: &str) {
    tracing::warn!(target: "resilience", event = "evicted", site, "the memory ledger is full: its oldest results go");
}

fn emit_full(site: &str) {
    tracing::error!(
        target: "resilience", event = "ledger_full", site,
        "the memory ledger is full of what runs and what is in doubt: calls fail; resolve or forget what is in doubt"
    );
}

#[cfg(feature = "redis")]
fn emit_risk(risk: Risk) {
    let why = risk.words();
    tracing::warn!(target: "resilience", event = "ledger_at_risk", risk = ?risk, "{why}");
}

fn emit_unchosen(site: &str, what: &str) {
    tracing::warn!(target: "resilience", event = "no_ledger_chosen", site, "{what}");
}

#[cfg(any(test, feature = "postgres", feature = "redis"))]
fn emit_claims_left() {
    tracing::warn!(
        target: "resilience", event = "claims_left",
        "the server of the ledger is away for so long that not all claims of calls that ended without it are remembered: \
         the oldest end with their leases"
    );
}

fn emit_of_fleet(site: &str, count: Fleet<'_>) {
    match count {
        Fleet::CountedAlone => tracing::warn!(
            target: "resilience", event = "counted_alone", site,
            "this limit is counted in this process alone; choose the store of the fleet with RESILIENCE_BACKEND"
        ),
        Fleet::Down { passing, why } => tracing::warn!(
            target: "resilience", event = "quota_down", site, why,
            "the limit of the fleet cannot be counted: calls {}", if passing { "pass" } else { "are rejected" }
        ),
        Fleet::Back { passed, calls } => tracing::warn!(
            target: "resilience", event = "quota_back", site, calls,
            "the limit of the fleet is counted again: {calls} calls {} meanwhile",
            if passed { "passed" } else { "were rejected" }
        ),
    }
}

/// Makes a rejection and tells of it.
pub(crate) fn reject(kind: Kind, site: &'static Site) -> crate::Error {
    emit(&Event { site: site.name(), decision: Decision::Rejected(kind) });
    crate::Error::new(kind, site)
}
