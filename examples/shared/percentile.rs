//! How long things took.

use std::time::Duration;

/// The smallest value that so many of a thousand do not exceed, in milliseconds with one decimal.
pub(crate) fn percentile(sorted: &[Duration], of_a_thousand: usize) -> f64 {
    let rank = (sorted.len() * of_a_thousand).div_ceil(1_000).max(1);
    sorted.get(rank - 1).map_or(0.0, |took| (took.as_secs_f64() * 10_000.0).round() / 10.0)
}

/// Milliseconds, or seconds where there are many.
pub(crate) fn in_words(ms: f64) -> String {
    if ms < 1_000.0 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::{Duration, in_words, percentile};

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let took: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert!((percentile(&took, 500) - 100.0).abs() < 1e-9);
        assert!((percentile(&took, 990) - 198.0).abs() < 1e-9);
        assert!((percentile(&took, 999) - 200.0).abs() < 1e-9);
        assert!((percentile(&took[..1], 990) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn words_are_short() {
        assert_eq!((in_words(23.26), in_words(3_149.0)), ("23.3 ms".to_owned(), "3.1 s".to_owned()));
    }
}
