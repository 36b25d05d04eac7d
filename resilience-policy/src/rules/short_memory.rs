use super::{Rule, shortest_bound};
use crate::facts::Memory;
use crate::{Policy, Text, Violation, shorter};
use std::time::Duration;

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A result that is forgotten while somebody may still ask for it.

A `ttl` below the `lease` forgets a result sooner than a crash is noticed. A `ttl` below what the retries of the same
stack can take lets the last attempt run an operation that the first has completed. The second half is judged only
where every attempt is bounded by a timeout, because nothing is known otherwise.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 0;
    while at < stack.len() {
        if let Some(memory) = stack[at].facts().remembers
            && let Some(text) = forgets(stack, at, memory)
        {
            return Some(Violation::of(Rule::ShortMemory, at, "ttl", text));
        }
        at += 1;
    }
    None
}

const fn forgets(stack: &[Policy], at: usize, memory: Memory) -> Option<Text> {
    if shorter(memory.ttl, memory.lease) {
        return Some(
            Text::new("a result is forgotten after ").time(memory.ttl).str(", sooner than its lease of ").time(memory.lease)
                .str(" lapses").help("raise `ttl` above the lease, or shorten the lease"),
        );
    }
    let mut retry = 0;
    while retry < stack.len() {
        if let Some(most) = most_time(stack, at, retry)
            && shorter(memory.ttl, most)
        {
            return Some(
                Text::new("a result is forgotten after ").time(memory.ttl).str(", and the retries of this stack can take ")
                    .time(most).help("raise `ttl` above the time that the retries can take"),
            );
        }
        retry += 1;
    }
    None
}

/// The longest that the policy at `retry` can go on repeating, where that is known.
const fn most_time(stack: &[Policy], memory: usize, retry: usize) -> Option<Duration> {
    let Some(repeats) = stack[retry].facts().repeats else { return None };
    let Some(each) = shortest_bound(stack, retry + 1, stack.len()) else { return None };
    let Some(most) = repeats.most_time(each) else { return None };
    let from = if memory < retry { memory + 1 } else { 0 };
    match shortest_bound(stack, from, retry) {
        Some(total) if shorter(total, most) => Some(total),
        _ => Some(most),
    }
}
