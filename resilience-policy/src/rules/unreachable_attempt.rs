use super::{Rule, shortest_bound};
use crate::{Policy, Text, Violation, shorter};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
An attempt that can never start, because the waits before it fill the timeout above; or a retry that never repeats,
because the first wait fills its own `max_elapsed`.

The least wait counts: nothing under full jitter, half under equal jitter, all of it without jitter. If even the least
waits reach the total time, the attempt exists on paper only. `max_elapsed` may end a retry before its last attempt: that is what it
is for, and no mistake.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 0;
    while at < stack.len() {
        if let Some(repeats) = stack[at].facts().repeats
            && let Some(within) = repeats.within
            && repeats.attempts > 1
            && !shorter(repeats.least_before(2), within)
        {
            let text = Text::new("this never repeats: the first wait is at least ").time(repeats.least_before(2))
                .str(", and `max_elapsed` is ").time(within)
                .help("a shorter backoff, or a longer `max_elapsed`");
            return Some(Violation::of(Rule::UnreachableAttempt, at, "max_elapsed", text));
        }
        if let (Some(repeats), Some(total)) = (stack[at].facts().repeats, shortest_bound(stack, 0, at)) {
            let mut attempt = 2;
            while attempt <= repeats.attempts {
                let least = repeats.least_before(attempt);
                if !shorter(least, total) {
                    let text = Text::new("attempt ").num(attempt as u128).str(" can never start: the waits before it take at least ")
                        .time(least).str(", and the timeout above is ").time(total)
                        .help("fewer attempts, a shorter backoff, or a longer timeout above");
                    return Some(Violation::of(Rule::UnreachableAttempt, at, "attempts", text));
                }
                attempt += 1;
            }
        }
        at += 1;
    }
    None
}
