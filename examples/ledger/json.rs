//! Results as they are kept: a number keeps its digits, and a field its place.

use resilience::{Entry, EntryState};
use serde::de::IgnoredAny;
use serde_json::Value;

/// A record as one line.
pub(crate) fn line(entry: &Entry) -> String {
    let known = serde_json::json!({
        "key": entry.key.to_string(),
        "site": entry.site,
        "text": entry.text,
        "state": state(entry.state),
        "at_most_once": entry.at_most_once,
        "fence": entry.fence,
        "attempts": entry.attempt,
        "age_s": entry.age.as_secs(),
    });
    let known = known.to_string();
    let result = match &entry.result {
        Some(result) if serde_json::from_str::<IgnoredAny>(result).is_ok() => result.clone(),
        Some(garbled) => Value::from(garbled.as_str()).to_string(),
        None => "null".to_owned(),
    };
    format!("{},\"result\":{result}}}", &known[..known.len() - 1])
}

fn state(state: EntryState) -> &'static str {
    match state {
        EntryState::Running => "running",
        EntryState::InDoubt => "in_doubt",
        EntryState::Released => "released",
        EntryState::Done => "done",
        EntryState::ResultNotKept => "result_not_kept",
        _ => "unknown",
    }
}

/// JSON without white space, over several lines.
pub(crate) fn indented(json: &str) -> String {
    let mut out = String::new();
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut chars = json.chars().peekable();
    while let Some(char) = chars.next() {
        if in_text {
            out.push(char);
            in_text = escaped || char != '"';
            escaped = !escaped && char == '\\';
            continue;
        }
        match char {
            '{' | '[' if chars.peek().is_some_and(|next| matches!(next, '}' | ']')) => {
                out.push(char);
                out.extend(chars.next());
            }
            '{' | '[' => {
                depth += 1;
                out.push(char);
                new_line(&mut out, depth);
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(char);
            }
            ',' => {
                out.push(char);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                in_text = char == '"';
                out.push(char);
            }
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

/// A number that was read with fewer digits than it was written with.
pub(crate) fn has_rounded(value: &Value) -> bool {
    match value {
        // From 64 bits on an integer is read as a float.
        Value::Number(number) => {
            number.is_f64() && number.as_f64().is_some_and(|float| float.abs() >= 9.2e18)
        }
        Value::Array(values) => values.iter().any(has_rounded),
        Value::Object(fields) => fields.values().any(has_rounded),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{has_rounded, indented};

    #[test]
    fn json_is_indented_as_it_is_kept() {
        let kept =
            r#"{"z":123456789012345678901234567890,"a":[1,{"b":"x,{\"y\\"}],"none":[],"empty":{},"t":"\\"}"#;
        let value: serde_json::Value = serde_json::from_str(kept).unwrap();
        let shown = indented(kept);
        assert!(
            shown.starts_with("{\n  \"z\": 123456789012345678901234567890,\n  \"a\": [\n    1,\n    {\n")
        );
        assert!(shown.ends_with("\n  \"none\": [],\n  \"empty\": {},\n  \"t\": \"\\\\\"\n}"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert_eq!(indented("null"), "null");
        let small = r#"{"a":[1,"b"],"c":{"d":null}}"#;
        let value: serde_json::Value = serde_json::from_str(small).unwrap();
        assert_eq!(indented(small), serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn a_number_that_was_rounded_is_seen() {
        let seen = |json: &str| has_rounded(&serde_json::from_str(json).unwrap());
        assert!(seen(r#"{"a":[18446744073709551616]}"#));
        assert!(!seen(r#"{"a":[18446744073709551615, -9223372036854775808, 0.5, "18446744073709551616"]}"#));
    }
}
