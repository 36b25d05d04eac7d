//! The options of a URL, and what is said of those that are wrong: the name, and what is expected. Never a value, and
//! never a name that nobody knows: both may be a part of a password that is not written as a URL wants it.

/// What an `@` in an unexpected place means.
pub(super) const AN_AT: &str = "an `@` behind the `?`; a `?` in a user or a password is written `%3F`";

/// The options behind the `?`: names and values.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// An option of this name is not known.
pub(super) fn unknown(query: &str, name: &str, known: &[&str]) -> String {
    if query.contains('@') {
        return AN_AT.to_owned();
    }
    let number = pairs(query).take_while(|(other, _)| *other != name).count() + 1;
    let known = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    format!("option {number} behind the `?` is unknown; expected one of {known}")
}

pub(super) fn wrong(name: &str, expected: &str) -> String {
    format!("`{name}`: expected {expected}")
}

/// What the value of an option stands for.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(super) fn decoded(name: &str, value: &str) -> Result<String, String> {
    // As in the URLs of some other programs, where the next option would follow.
    if value.contains(';') {
        return Err(wrong(name, "a `&` in front of the next option, and a `;` of its own as `%3B`"));
    }
    plain(value).ok_or_else(|| wrong(name, "a value as in a URL: a `%` of its own is written `%25`"))
}

#[cfg(any(feature = "postgres", feature = "redis"))]
fn plain(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, after) {
            // A sign would be read as a part of the number.
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = after;
                u8::from_str_radix(std::str::from_utf8(&[*high, *low]).ok()?, 16).ok()?
            }
            (b'%', _) => return None,
            (byte, _) => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// A time as in the attributes.
#[cfg(any(feature = "durable", feature = "redis"))]
pub(super) fn time(name: &str, value: &str) -> Result<std::time::Duration, String> {
    let time = resilience_policy::literal(value).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| wrong(name, "a time above zero, with its unit, such as `500ms` or `2s`"))
}

#[cfg(all(test, feature = "durable", feature = "redis"))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_unknown_is_told_by_its_place() {
        let known = ["timeout", "prefix"];
        let query = "timeout=1s&&s3cr=s3cr";
        assert_eq!(
            unknown(query, "s3cr", &known),
            "option 2 behind the `?` is unknown; expected one of `timeout`, `prefix`"
        );
        assert!(unknown("s3cr=b@h", "s3cr", &known).contains("`%3F`"));
    }

    #[test]
    fn a_value_is_read_as_in_a_url() {
        assert_eq!(decoded("x", "a%20b%3Bc").as_deref(), Ok("a b;c"));
        for wrong in ["1;password=s3cr", "s3cr%", "s3cr%4", "s3cr%zz", "s3cr%ff"] {
            let why = decoded("x", wrong).expect_err(wrong);
            assert!(why.starts_with("`x`: expected ") && !why.contains("s3cr"), "{why}");
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(time("timeout", "500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["2", "0s", "", "s3cr"] {
            let why = time("timeout", wrong).expect_err(wrong);
            assert!(why.starts_with("`timeout`: expected a time") && !why.contains("s3cr"), "{why}");
        }
    }
}
