//! How much repeating many sites may do together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Tick;

/// A thousandth of a repeat.
const ONE: u64 = 1_000;

/// A budget of repeats that many sites share: a share of their calls, plus a floor per second for times of little traffic.
/// When everything fails, an unlimited retry of three attempts triples the load of a dependency that is already down; under
/// a budget of 20 % it adds a fifth.
///
/// ```
/// # use resilience_runtime as resilience;
/// use resilience::RetryBudget;
///
/// static GATEWAY_BUDGET: RetryBudget = RetryBudget::new().share(0.1).floor(5).burst(50);
/// ```
///
/// `#[retry(budget = GATEWAY_BUDGET)]` and `#[hedge(after = "50ms", budget = GATEWAY_BUDGET)]` take one, and so does every
/// other site that calls the same dependency. Each call earns its share when it begins, each repeat spends one. Where
/// nothing is left a retry ends with the last real error, and a hedge goes on with what runs.
#[derive(Debug)]
pub struct RetryBudget {
    /// What a call earns.
    share: u64,
    /// What a second earns.
    floor: u64,
    /// What can be saved up.
    most: u64,
    saved: AtomicU64,
    /// Up to when the floor was paid out, in nanoseconds, and one more; zero before the first time.
    paid: AtomicU64,
}

impl RetryBudget {
    /// Repeats for 20 % of the calls, and 10 a second at least; 100 can be saved up.
    pub const fn new() -> Self {
        let (saved, paid) = (AtomicU64::new(100 * ONE), AtomicU64::new(0));
        Self { share: ONE / 5, floor: 10 * ONE, most: 100 * ONE, saved, paid }
    }

    /// The share of calls that may be repeated, from 0 to 1 (0.2).
    ///
    /// # Panics
    ///
    /// Where it is not such a share; in a `static` that is a compile error.
    #[must_use]
    pub const fn share(self, share: f64) -> Self {
        assert!(share >= 0.0 && share <= 1.0, "the share of a retry budget is a number from 0 to 1");
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most a thousand
        let share = (share * 1e3) as u64;
        Self { share, ..self }
    }

    /// Repeats per second that are allowed however little traffic there is (10).
    #[must_use]
    pub const fn floor(self, per_second: u32) -> Self {
        Self { floor: per_second as u64 * ONE, ..self }
    }

    /// How many repeats can be saved up, and are there at the start (100).
    ///
    /// # Panics
    ///
    /// Where it is zero: nothing could ever be repeated. In a `static` that is a compile error.
    #[must_use]
    pub const fn burst(self, repeats: u32) -> Self {
        assert!(
            repeats > 0,
            "a retry budget that saves nothing repeats nothing: allow a burst of 1 at least"
        );
        let most = repeats as u64 * ONE;
        Self { most, saved: AtomicU64::new(most), ..self }
    }

    /// A call begins. What is saved beyond the limit is cut off by whoever spends.
    pub fn earn(&self) {
        self.saved.fetch_add(self.share, Ordering::Relaxed);
    }

    /// Whether there is one repeat left; it is spent then.
    pub(crate) fn spend(&self, now: Tick) -> bool {
        let floor = self.pay_out(now.since(Tick::BASE));
        let without_one = |saved: u64| (saved + floor).min(self.most).checked_sub(ONE);
        let is_spent = self.saved.try_update(Ordering::Relaxed, Ordering::Relaxed, without_one).is_ok();
        if !is_spent && floor > 0 {
            self.saved.fetch_add(floor, Ordering::Relaxed);
        }
        is_spent
    }

    /// What the floor has earned since it was last paid out, to one of those who ask.
    fn pay_out(&self, now: Duration) -> u64 {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX).saturating_add(1);
        let paid = self.paid.load(Ordering::Relaxed);
        let earned = u128::from(now.saturating_sub(paid)) * u128::from(self.floor) / 1_000_000_000;
        let first = paid == 0;
        // Less than a thousandth waits for the next time, or it would be lost.
        if !first && earned == 0 {
            return 0;
        }
        match self.paid.compare_exchange(paid, now, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) if !first => u64::try_from(earned).unwrap_or(u64::MAX).min(self.most),
            _ => 0,
        }
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> Tick {
        Tick::BASE.after(Duration::from_millis(1_000_000 + millis))
    }

    fn spends(budget: &RetryBudget, now: Tick) -> u32 {
        (0..10_000).take_while(|_| budget.spend(now)).count().try_into().expect("few")
    }

    #[test]
    fn what_is_saved_is_spent_and_then_a_share() {
        let budget = RetryBudget::new().share(0.1).floor(0).burst(5);
        assert_eq!(spends(&budget, at(0)), 5);
        assert_eq!(spends(&budget, at(60_000)), 0, "no floor");
        (0..29).for_each(|_| budget.earn());
        assert_eq!(spends(&budget, at(60_000)), 2);
        budget.earn();
        assert_eq!(spends(&budget, at(60_000)), 1);
        (0..1_000).for_each(|_| budget.earn());
        assert_eq!(spends(&budget, at(60_000)), 5, "no more than can be saved");
    }

    #[test]
    fn a_second_earns_the_floor() {
        let budget = RetryBudget::new().share(0.0).floor(10).burst(20);
        assert_eq!(spends(&budget, at(0)), 20);
        assert_eq!(spends(&budget, at(99)), 0);
        assert_eq!(spends(&budget, at(100)), 1);
        assert_eq!(spends(&budget, at(1_000)), 9);
        // Asked for often, it is not lost in parts too small to count.
        let often: u32 = (1_001..=2_000).map(|now| spends(&budget, at(now))).sum();
        assert_eq!(often, 10);
        assert_eq!(spends(&budget, at(1_500)), 0, "a clock that goes back earns nothing");
        assert_eq!(spends(&budget, at(90_000)), 20);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn it_never_gives_more_than_it_has(
            steps in prop::collection::vec((0..500_u64, 0..20_u32, 0..20_u32), 1..60),
            share in 0..=10_u8,
            floor in 0..30_u32,
        ) {
            let budget = RetryBudget::new().share(f64::from(share) / 10.0).floor(floor).burst(10);
            let (mut now, mut calls, mut spent) = (0, 0, 0);
            budget.spend(at(0)).then(|| spent += 1);
            for (pass, earns, asks) in steps {
                now += pass;
                (0..earns).for_each(|_| budget.earn());
                calls += u64::from(earns);
                for _ in 0..asks {
                    budget.spend(at(now)).then(|| spent += 1);
                }
                let most = 10_000 + calls * u64::from(share) * 100 + u64::from(floor) * now;
                prop_assert!(spent * 1_000 <= most, "{spent} spent, of {most} thousandths");
            }
        }
    }
}
