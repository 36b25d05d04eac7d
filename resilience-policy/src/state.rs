use crate::violation::same_str;
use crate::{Text, Violation};

const MOST_KEYS: u32 = 1_000_000;

/// Whose state a policy has: that of its function, a shared one, or one for each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateOf {
    /// The place of a shared one, as written.
    pub share: &'static str,
    /// What it is kept for, as written.
    pub key: &'static str,
    /// How many keys it is kept for.
    pub max_keys: u32,
}

impl StateOf {
    /// That of its function.
    pub const OWN: Self = Self { share: "", key: "", max_keys: 1024 };

    pub(crate) const fn is_shared(&self) -> bool {
        !self.share.is_empty()
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if self.max_keys >= 1 && self.max_keys <= MOST_KEYS {
            return None;
        }
        let text = Text::new("`max_keys = ")
            .num(self.max_keys as u128)
            .str("` is out of range (1 to ")
            .num(MOST_KEYS as u128)
            .str(")")
            .help("it bounds the memory: take a number in that range");
        Some(Violation::range(at, "max_keys", text))
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        same_str(self.share, other.share) && same_str(self.key, other.key) && self.max_keys == other.max_keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_bounded() {
        let blamed = |max_keys| StateOf { max_keys, ..StateOf::OWN }.check(0).map(|found| found.argument);
        assert_eq!(blamed(1), None);
        assert_eq!(blamed(MOST_KEYS), None);
        assert_eq!(blamed(0), Some("max_keys"));
        assert_eq!(blamed(MOST_KEYS + 1), Some("max_keys"));
    }

    #[test]
    fn another_place_or_key_is_another_state() {
        let own = StateOf::OWN;
        for other in
            [StateOf { share: "A", ..own }, StateOf { key: "a", ..own }, StateOf { max_keys: 2, ..own }]
        {
            assert!(other.same(&other) && !own.same(&other), "{other:?}");
        }
    }
}
