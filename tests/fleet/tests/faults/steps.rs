//! `kill -9` of a process at every step of the protocol, and what the next one finds.

use std::fmt;

use resilience_servers::{Fate, Side};

use crate::fleet::Fleet;

crate::on_both!(killed_at_every_step);

/// Where the process dies.
#[derive(Clone, Copy, Debug)]
enum Step {
    BeforeTheClaim,
    ClaimedUnheard,
    BeforeTheEffect,
    AfterTheEffect,
    BeforeTheResult,
    ResultUnheard,
}

const STEPS: [Step; 6] = [
    Step::BeforeTheClaim,
    Step::ClaimedUnheard,
    Step::BeforeTheEffect,
    Step::AfterTheEffect,
    Step::BeforeTheResult,
    Step::ResultUnheard,
];

impl Step {
    /// The message of the call at which it dies, where it dies on the network: the claim and its answer, the result and
    /// its answer.
    fn message(self) -> Option<(Side, u32)> {
        match self {
            Self::BeforeTheClaim => Some((Side::Client, 1)),
            Self::ClaimedUnheard => Some((Side::Server, 1)),
            Self::BeforeTheResult => Some((Side::Client, 2)),
            Self::ResultUnheard => Some((Side::Server, 2)),
            Self::BeforeTheEffect | Self::AfterTheEffect => None,
        }
    }

    fn body(self) -> &'static str {
        match self {
            Self::BeforeTheEffect => " dies-before",
            Self::AfterTheEffect => " dies-after",
            _ => "",
        }
    }

    /// What the next one gets, and how many effects there are then.
    fn expected(self, guarantee: &str) -> (&'static str, usize) {
        match (self, guarantee) {
            (Self::BeforeTheClaim, _) | (Self::ClaimedUnheard | Self::BeforeTheEffect, "dedup") => ("ran", 1),
            (Self::ResultUnheard, _) => ("replayed", 1),
            (Self::AfterTheEffect | Self::BeforeTheResult, "dedup") => ("ran", 2),
            (Self::ClaimedUnheard | Self::BeforeTheEffect, _) => ("error OutcomeUnknown", 0),
            (Self::AfterTheEffect | Self::BeforeTheResult, _) => ("error OutcomeUnknown", 1),
        }
    }
}

fn killed_at_every_step(fleet: &Fleet) {
    let mut key = 0;
    for guarantee in ["dedup", "at_most_once"] {
        for step in STEPS {
            key += 1;
            killed(fleet, step, guarantee, key);
        }
    }
}

fn killed(fleet: &Fleet, step: Step, guarantee: &str, key: u64) {
    let case = format!("{step:?} under {guarantee}");
    let mut worker = fleet.proxied(&format!("one {key} {guarantee}{}", step.body())).ready();
    if let Some((side, at)) = step.message() {
        let handle = worker.handle();
        let mut messages = 0;
        fleet.proxy.watch(move |message| {
            messages += u32::from(message.from == side);
            if messages < at || message.from != side {
                return Fate::Pass;
            }
            if messages == at {
                handle.kill9();
                return Fate::Cut;
            }
            Fate::Pass
        });
    }
    worker.call();
    assert_eq!(worker.outcome(), None, "{case}: it did not die");

    let next = fleet.direct(&format!("one {key} {guarantee}")).ready().called().expect("it lives");
    let (expected, effects) = step.expected(guarantee);
    assert!(next.starts_with(expected), "{case}: the next one {next}, expected {expected}");
    let history = fleet.history();
    let rows = history.effects(key);
    assert_eq!(rows.len(), effects, "{case}: {rows:?}");
    assert!(rows.is_sorted_by(|one, two| one.0 < two.0), "{case}: fences rise: {rows:?}");
    again(fleet, key, guarantee, &next, &case);
}

/// Whoever asks after that gets the same.
fn again(fleet: &Fleet, key: u64, guarantee: &str, next: &str, case: &impl fmt::Display) {
    let last = fleet.direct(&format!("one {key} {guarantee}")).ready().called().expect("it lives");
    match next.split_once(' ') {
        Some(("ran" | "replayed", effect)) => assert_eq!(last, format!("replayed {effect}"), "{case}"),
        _ => assert_eq!(last, next, "{case}"),
    }
}
