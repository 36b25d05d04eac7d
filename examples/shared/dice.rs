//! Chance that is the same in every run.

use fastrand::Rng;

/// Dice that depend on these words only: never on the clock, and never on who asked before.
pub(crate) fn dice(words: &[u64]) -> Rng {
    words.iter().fold(Rng::with_seed(0), |mut rng, word| Rng::with_seed(rng.u64(..) ^ word))
}

#[cfg(test)]
mod tests {
    use super::dice;

    #[test]
    fn every_word_and_its_place_count() {
        let roll = |words: &[u64]| dice(words).u64(..);
        assert_eq!(roll(&[1, 2, 3]), roll(&[1, 2, 3]));
        assert_ne!(roll(&[1, 2, 3]), roll(&[1, 3, 2]));
        assert_ne!(roll(&[1, 2, 3]), roll(&[1, 2, 4]));
    }
}
