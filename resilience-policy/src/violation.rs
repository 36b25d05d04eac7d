use crate::{Rule, Text};

/// What is wrong with a stack, and where.
#[derive(Debug, Clone, Copy)]
pub struct Violation {
    /// The broken rule; `None` for a parameter out of its range, which nothing can allow.
    pub rule: Option<Rule>,
    /// The policy to change, as an index into the stack.
    pub policy: usize,
    /// Its argument to change; empty for the policy itself.
    pub argument: &'static str,
    /// What is wrong and what to do.
    pub text: Text,
}

impl Violation {
    pub(crate) const fn range(policy: usize, argument: &'static str, text: Text) -> Self {
        Self { rule: None, policy, argument, text }
    }

    /// A broken rule names itself: its page says more, and `allow` takes the name.
    pub(crate) const fn of(rule: Rule, policy: usize, argument: &'static str, text: Text) -> Self {
        let text = text
            .str("\n  rule: `")
            .str(rule.name())
            .str("`, kept anyway by `#[policies(allow(")
            .str(rule.name())
            .str(" = \"why\"))]`");
        Self { rule: Some(rule), policy, argument, text }
    }

    /// Whether this is about `argument` of the policy at `policy`.
    pub const fn blames(&self, policy: usize, argument: &str) -> bool {
        self.policy == policy && same_str(self.argument, argument)
    }

    /// The same in the stack of a method whose block gives it policies: a broken rule says which method it is.
    #[must_use]
    pub const fn of_method(self, method: &str) -> Self {
        if self.rule.is_none() {
            return self;
        }
        let text = self
            .text
            .str("\n  method: `")
            .str(method)
            .str("`, with the policies of its block; its own of a kind stands in for the block's");
        Self { text, ..self }
    }

    /// The whole message.
    pub const fn message(&self) -> &str {
        self.text.as_str()
    }
}

pub(crate) const fn same_str(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
