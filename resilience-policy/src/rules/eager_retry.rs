use super::Rule;
use crate::retry::{Backoff, Jitter};
use crate::{Pace, Policy, Repeats, Text, Violation};

pub(super) const STRICT: bool = true;

pub(super) const PAGE: &str = "\
A retry without backoff or without jitter. (Feature `strict`.)

Without a wait the attempts are over before the failure is; without jitter all callers come back at the same moment.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 0;
    while at < stack.len() {
        if let Some(Repeats { pace: Pace::AfterFailure { backoff, jitter }, .. }) = stack[at].facts().repeats {
            if matches!(backoff, Backoff::None) {
                let text = Text::new("this retry does not wait before it tries again").help("leave `backoff` out, or give it a wait");
                return Some(Violation::of(Rule::EagerRetry, at, "backoff", text));
            }
            if matches!(jitter, Jitter::None) {
                let text = Text::new("all callers of this retry come back at the same moment").help("leave `jitter` out, or take `equal`");
                return Some(Violation::of(Rule::EagerRetry, at, "jitter", text));
            }
        }
        at += 1;
    }
    None
}
