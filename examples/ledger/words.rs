//! Durations, counts and texts for a reader at night.

use std::time::Duration;

/// Two units at most: `3 h 12 min`.
pub(crate) fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    let (large, small) = match seconds {
        0 => return "under 1 s".to_owned(),
        1..60 => return format!("{seconds} s"),
        60..3_600 => ((seconds / 60, "min"), (seconds % 60, "s")),
        3_600..86_400 => ((seconds / 3_600, "h"), (seconds / 60 % 60, "min")),
        86_400..172_800 => ((1, "day"), (seconds / 3_600 % 24, "h")),
        _ => ((seconds / 86_400, "days"), (seconds / 3_600 % 24, "h")),
    };
    match small {
        (0, _) => format!("{} {}", large.0, large.1),
        (rest, unit) => format!("{} {} {rest} {unit}", large.0, large.1),
    }
}

/// A key may be what a customer typed: nothing in it speaks to the terminal.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            // The second kind turns the direction of what follows.
            _ if char.is_control()
                || matches!(char, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                plain.extend(char.escape_unicode());
            }
            _ => plain.push(char),
        }
    }
    plain
}

/// So many characters at most, with `…` for what is left out.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}

/// This program with this ledger, as a shell reads it. Without a URL the variable has it.
pub(crate) fn command(program: &str, url: Option<&str>) -> String {
    let words = [Some(program), url];
    words.into_iter().flatten().map(quoted).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_safe = |char: char| char.is_ascii_alphanumeric() || "/.:_-+,@%=".contains(char);
    if word.chars().all(is_safe) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::{Duration, age, command, cut, plain};

    #[test]
    fn ages_are_two_units_at_most() {
        for (seconds, said) in [
            (0, "under 1 s"),
            (1, "1 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min 59 s"),
            (3_600, "1 h"),
            (11_520, "3 h 12 min"),
            (11_579, "3 h 12 min"),
            (86_399, "23 h 59 min"),
            (86_400, "1 day"),
            (176_400, "2 days 1 h"),
            (86_400 * 400, "400 days"),
        ] {
            assert_eq!(age(Duration::from_secs(seconds)), said);
        }
        assert_eq!(age(Duration::from_millis(999)), "under 1 s");
    }

    #[test]
    fn a_text_does_nothing_to_the_terminal() {
        assert_eq!(plain("a\u{1b}[2J\nb"), r"a\u{1b}[2J\u{a}b");
        assert_eq!(plain("x\u{202e}y é"), r"x\u{202e}y é");
        assert_eq!(cut("längst", 6), "längst");
        assert_eq!(cut("längstes", 6), "längs…");
    }

    #[test]
    fn commands_are_ready_to_copy() {
        assert_eq!(command("target/ledger", Some("file:./a")), "target/ledger file:./a");
        assert_eq!(command("ledger", Some("file:it's mine")), r"ledger 'file:it'\''s mine'");
        assert_eq!(command("ledger", None), "ledger");
    }
}
