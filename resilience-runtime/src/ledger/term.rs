//! What the owner of a claim knows of its own lease: (term, event, now) -> what to do. Only the ledger's clock judges a lease, so an
//! owner counts from the moment before it asked, and stops a margin early.

use std::time::Duration;

use crate::time::Tick;

/// The time for which an owner may believe that the claim is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    lease: Duration,
    /// From here on another one may run.
    until: Tick,
    /// When to ask for more.
    ask: Tick,
}

/// What a runner does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// It goes on, and looks again at this moment.
    Run(Tick),
    /// It asks for another lease.
    Renew,
    /// It stops.
    Stop,
}

impl Term {
    /// The ledger has granted what was asked for at `sent`.
    pub(crate) fn granted(lease: Duration, sent: Tick) -> Self {
        // The margin is for clocks that do not run alike, and for the time that a body takes to end.
        let mut term = Self { lease, until: sent.after(lease / 10 * 9), ask: sent };
        term.asked(sent);
        term
    }

    /// The ledger has renewed what was asked for at `sent`.
    pub(crate) fn renewed(&mut self, sent: Tick) {
        *self = Self::granted(self.lease, sent);
    }

    /// Asked for at `sent`: there is nothing to do for as long as the answer may take.
    pub(crate) fn asked(&mut self, sent: Tick) {
        self.ask = sent.after(self.patience());
    }

    /// The ledger has failed to answer: it is asked again a little later, not at once.
    pub(crate) fn failed(&mut self, now: Tick) {
        self.ask = now.after(self.lease / 12);
    }

    pub(crate) fn next(&self, now: Tick) -> Next {
        if now >= self.until {
            Next::Stop
        } else if now >= self.ask {
            Next::Renew
        } else {
            Next::Run(self.ask.min(self.until))
        }
    }

    pub(crate) fn is_over(&self, now: Tick) -> bool {
        self.next(now) == Next::Stop
    }

    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    /// How long an answer may take.
    pub(crate) fn patience(&self) -> Duration {
        self.lease / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(9);

    fn at(ms: u64) -> Tick {
        Tick::BASE.after(Duration::from_millis(ms))
    }

    #[test]
    fn it_is_renewed_at_a_third_and_ends_before_the_lease_does() {
        let term = Term::granted(LEASE, at(0));
        for (ms, next) in [
            (0, Next::Run(at(3_000))),
            (2_999, Next::Run(at(3_000))),
            (3_000, Next::Renew),
            (8_099, Next::Renew),
            (8_100, Next::Stop),
            (100_000, Next::Stop),
        ] {
            assert_eq!(term.next(at(ms)), next, "{ms}");
        }
    }

    #[test]
    fn an_answer_counts_from_the_question() {
        let mut term = Term::granted(LEASE, at(0));
        term.asked(at(3_000));
        assert_eq!(term.next(at(3_001)), Next::Run(at(6_000)), "and not past an answer that does not come");
        // It came at 5 s, and is worth no more for that.
        assert_eq!(Term::granted(LEASE, at(3_000)).next(at(11_099)), Next::Renew);
        assert_eq!(Term::granted(LEASE, at(3_000)).next(at(11_100)), Next::Stop);
    }

    #[test]
    fn a_ledger_that_is_down_is_asked_again_and_again() {
        let mut term = Term::granted(LEASE, at(0));
        let (mut now, mut questions) = (at(0), 0);
        loop {
            match term.next(now) {
                Next::Run(next) => now = next,
                Next::Renew => {
                    questions += 1;
                    term.asked(now);
                    term.failed(now);
                }
                Next::Stop => break,
            }
        }
        assert_eq!((now, questions), (at(8_100), 7));
    }
}
