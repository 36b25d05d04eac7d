use std::time::Duration;

/// `a < b`, in a `const fn`.
pub const fn shorter(a: Duration, b: Duration) -> bool {
    a.as_nanos() < b.as_nanos()
}

/// `a > b`, in a `const fn`.
pub const fn longer(a: Duration, b: Duration) -> bool {
    shorter(b, a)
}

pub(crate) const fn same(a: Duration, b: Duration) -> bool {
    a.as_nanos() == b.as_nanos()
}

pub(crate) const fn same_option(a: Option<Duration>, b: Option<Duration>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => same(a, b),
        (None, None) => true,
        _ => false,
    }
}

const UNITS: &[(&str, u64)] = &[
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads `"250ms"`, `"1.5s"`, `"2m"`: a decimal number and a unit, without a sign.
///
/// # Errors
///
/// Says what is wrong and what a duration looks like.
pub fn literal(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let example = if number.is_empty() { "250" } else { number };
    let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit.trim()) else {
        return Err(match nearest_unit(unit.trim()) {
            _ if unit.trim().is_empty() => {
                format!("the duration \"{text}\" has no unit: write \"{example}ms\" or \"{example}s\"")
            }
            Some(near) => {
                format!("unknown unit `{}` in \"{text}\": did you mean \"{example}{near}\"?", unit.trim())
            }
            None => format!(
                "\"{text}\" is not a duration: write a number and a unit (us, ms, s, m, h, d), as in \"250ms\" or \"1.5s\""
            ),
        });
    };
    scale(number, *nanos).ok_or_else(|| {
        format!("\"{text}\" is not a duration: write a number and a unit (us, ms, s, m, h, d), as in \"250ms\" or \"1.5s\"")
    })
}

/// The unit that a longer or foreign spelling stands for.
fn nearest_unit(unit: &str) -> Option<&'static str> {
    Some(match unit.to_ascii_lowercase().as_str() {
        "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => "ms",
        "sec" | "secs" | "second" | "seconds" => "s",
        "min" | "mins" | "minute" | "minutes" => "m",
        "hr" | "hrs" | "hour" | "hours" => "h",
        "day" | "days" => "d",
        "usec" | "micros" | "microsecond" | "microseconds" | "µs" | "μs" => "us",
        _ => return None,
    })
}

/// `number` (decimal digits with at most one point) times `unit` nanoseconds, exactly.
fn scale(number: &str, unit: u64) -> Option<Duration> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.len() > 12 || fraction.contains('.') {
        return None;
    }
    let whole = whole.parse::<u128>().ok()?.checked_mul(u128::from(unit))?;
    let power = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = fraction.parse::<u128>().ok()? * u128::from(unit) / power;
    let nanos = whole.checked_add(part)?;
    let seconds = u64::try_from(nanos / 1_000_000_000).ok()?;
    let rest = u32::try_from(nanos % 1_000_000_000).ok()?;
    // A century is more than anybody means, and far from the overflow of every clock.
    (seconds <= 100 * 366 * 86_400).then(|| Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        assert_eq!(literal("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(literal("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(literal("2m"), Ok(Duration::from_mins(2)));
        assert_eq!(literal("24h"), Ok(Duration::from_hours(24)));
        assert_eq!(literal("0.25us"), Ok(Duration::from_nanos(250)));
    }

    #[test]
    fn a_bad_duration_names_the_mend() {
        for (text, mend) in [
            ("500", "has no unit: write \"500ms\" or \"500s\""),
            ("5 seconds", "did you mean \"5s\""),
            ("10msec", "did you mean \"10ms\""),
            ("10MS", "not a duration"),
            ("", "has no unit: write \"250ms\""),
            ("-1s", "not a duration"),
            ("1.2.3s", "not a duration"),
            (".5s", "not a duration"),
            ("1parsec", "not a duration"),
            ("999999999999999999999d", "not a duration"),
        ] {
            let error = literal(text).expect_err(text);
            assert!(error.contains(mend), "{text}: {error}");
        }
    }
}
