//! Which of the attempts that run side by side in a call.

/// The way from the call to an attempt, through the branches of its hedges; the call itself is the empty way. A hexadecimal
/// digit for each hedge, and none is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Path(u32);

const DIGIT: u32 = 4;

impl Path {
    pub(crate) const CALL: Self = Self(0);

    /// Its branch of this number, of which there are 11 at most. Where there is no room for another digit, it is its own
    /// branch: with eight hedges inside each other nobody can tell.
    pub(crate) fn branch(self, number: usize) -> Self {
        let digit = u32::try_from(number + 1).unwrap_or(u32::MAX).min((1 << DIGIT) - 1);
        if self.0.leading_zeros() < DIGIT { self } else { Self(self.0 << DIGIT | digit) }
    }

    /// Whether the other one is this one, or within it.
    pub(crate) fn holds(self, mut other: Self) -> bool {
        while other.0 > self.0 {
            other.0 >>= DIGIT;
        }
        other == self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_holds_itself_and_its_branches() {
        let call = Path::CALL;
        let (first, last) = (call.branch(0), call.branch(10));
        assert!(call.holds(call) && call.holds(first) && call.holds(last.branch(3)));
        assert!(first.holds(first) && first.holds(first.branch(10).branch(0)));
        for (one, other) in [(first, call), (first, last), (last, first), (last, first.branch(10))] {
            assert!(!one.holds(other), "{one:?} {other:?}");
        }
    }

    #[test]
    fn no_branch_is_lost_where_there_is_no_room() {
        let deep = (0..20).fold(Path::CALL, |path, _| path.branch(10));
        assert_eq!(deep, deep.branch(0));
        assert!(Path::CALL.branch(10).holds(deep) && !Path::CALL.branch(0).holds(deep));
    }
}
