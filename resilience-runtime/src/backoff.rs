//! Growing, scattered pauses between attempts at something that has failed.

use std::time::Duration;

use fastrand::Rng;

/// The pauses towards one server. Each is twice as long as the one before, up to the longest, and is scattered between
/// half of that and all of it: every host meets an outage at the same moment, and must not come back at the same one.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    last: Option<Duration>,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, last: None }
    }

    /// The pause after another failure.
    pub(crate) fn next(&mut self, random: &mut Rng) -> Duration {
        let pause = self.last.map_or(self.first, |last| (last * 2).min(self.longest));
        self.last = Some(pause);
        pause.mul_f64(0.5 + random.f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_millis(500);

    #[test]
    fn pauses_double_up_to_the_longest() {
        let (mut backoff, mut random) = (Backoff::new(FIRST, LONGEST), Rng::with_seed(7));
        for whole in [50, 100, 200, 400, 500, 500] {
            let whole = Duration::from_millis(whole);
            let pause = backoff.next(&mut random);
            assert!(whole / 2 <= pause && pause <= whole, "{pause:?} of {whole:?}");
        }
    }

    #[test]
    fn a_thousand_hosts_do_not_come_back_at_once() {
        let mut random = Rng::with_seed(7);
        let pauses = (0..1_000).map(|_| Backoff::new(FIRST, LONGEST).next(&mut random));
        let early = pauses.filter(|pause| *pause < FIRST * 3 / 4).count();
        assert!((400..600).contains(&early), "{early} of 1000 in the first half");
    }
}
