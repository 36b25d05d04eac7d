//! The time left: relative, because clocks differ, and rounded down, because nobody may believe that there is more.

use std::time::Duration;

use super::{Problem, Protocol, whole};

/// The units of gRPC, from the finest on, and their nanoseconds.
const UNITS: [(u8, u64); 6] = [
    (b'n', 1),
    (b'u', 1_000),
    (b'm', 1_000_000),
    (b'S', 1_000_000_000),
    (b'M', 60_000_000_000),
    (b'H', 3_600_000_000_000),
];
/// How many digits gRPC allows.
const GRPC_DIGITS: usize = 8;
/// As many as Connect allows for its milliseconds: 115 days.
const HTTP_DIGITS: usize = 10;

/// As the header says it.
pub(super) fn text(protocol: Protocol, left: Duration) -> String {
    match protocol {
        Protocol::Http => left.as_millis().min(most(HTTP_DIGITS)).to_string(),
        Protocol::Grpc => {
            let count = |nanos| left.as_nanos() / u128::from(nanos);
            let finest = UNITS.iter().find(|&&(_, nanos)| count(nanos) <= most(GRPC_DIGITS));
            let &(unit, nanos) = finest.unwrap_or(&UNITS[UNITS.len() - 1]);
            format!("{}{}", count(nanos).min(most(GRPC_DIGITS)), char::from(unit))
        }
    }
}

/// The largest number of so many digits.
const fn most(digits: usize) -> u128 {
    let (mut number, mut left) = (1, digits);
    while left > 0 {
        number *= 10;
        left -= 1;
    }
    number - 1
}

/// What the header says. Nothing left is a problem: whoever asked does not wait for the answer.
pub(super) fn parse(protocol: Protocol, value: &[u8]) -> Result<Duration, Problem> {
    let left = match protocol {
        Protocol::Http => whole(value, HTTP_DIGITS)
            .map(Duration::from_millis)
            .ok_or(Problem::Malformed("a whole number of milliseconds of at most 10 digits"))?,
        Protocol::Grpc => parse_grpc(value)
            .ok_or(Problem::Malformed("at most 8 digits and one of the units H, M, S, m, u, n"))?,
    };
    if left.is_zero() { Err(Problem::NoTimeLeft) } else { Ok(left) }
}

fn parse_grpc(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    let (_, nanos) = UNITS.iter().find(|(name, _)| name == unit)?;
    let count = u32::try_from(whole(digits, GRPC_DIGITS)?).ok()?;
    Duration::from_nanos(*nanos).checked_mul(count)
}
