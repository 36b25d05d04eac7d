use std::time::Duration;

const CAPACITY: usize = 768;

/// A message that a `const fn` can write: numbers and durations included, no heap.
#[derive(Clone, Copy)]
pub struct Text {
    bytes: [u8; CAPACITY],
    len: usize,
}

impl Text {
    /// Starts a message.
    pub const fn new(start: &str) -> Self {
        Self { bytes: [0; CAPACITY], len: 0 }.str(start)
    }

    /// Appends words. What does not fit is cut at a character.
    #[must_use]
    pub const fn str(mut self, words: &str) -> Self {
        let words = words.as_bytes();
        let room = CAPACITY - self.len;
        let mut take = if words.len() > room { room } else { words.len() };
        // A continuation byte of UTF-8 is 10xxxxxx: never cut in front of one.
        while take < words.len() && words[take] & 0xC0 == 0x80 {
            take -= 1;
        }
        let mut at = 0;
        while at < take {
            self.bytes[self.len] = words[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    /// Appends a number.
    #[must_use]
    pub const fn num(self, number: u128) -> Self {
        let mut digits = [0u8; 39];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        match std::str::from_utf8(digits.split_at(at).1) {
            Ok(digits) => self.str(digits),
            Err(_) => self,
        }
    }

    /// Appends a duration in the largest unit that writes it whole.
    #[must_use]
    pub const fn time(self, time: Duration) -> Self {
        let nanos = time.as_nanos();
        if nanos.is_multiple_of(1_000_000_000) {
            self.num(nanos / 1_000_000_000).str("s")
        } else if nanos.is_multiple_of(1_000_000) {
            self.num(nanos / 1_000_000).str("ms")
        } else if nanos.is_multiple_of(1_000) {
            self.num(nanos / 1_000).str("us")
        } else {
            self.num(nanos).str("ns")
        }
    }

    /// Appends the line that says what to do.
    #[must_use]
    pub const fn help(self, words: &str) -> Self {
        self.str("\n  help: ").str(words)
    }

    /// The message.
    pub const fn as_str(&self) -> &str {
        match std::str::from_utf8(self.bytes.split_at(self.len).0) {
            Ok(text) => text,
            Err(_) => "",
        }
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_numbers_and_durations() {
        let text =
            Text::new("a ").num(0).str(" ").num(u128::from(u64::MAX)).str(" ").time(Duration::from_mins(2));
        assert_eq!(text.as_str(), "a 0 18446744073709551615 120s");
        let text = Text::new("").time(Duration::from_millis(1500)).str(" ").time(Duration::from_nanos(1));
        assert_eq!(text.as_str(), "1500ms 1ns");
    }

    #[test]
    fn a_cut_keeps_whole_characters() {
        let text = Text::new(&"x".repeat(CAPACITY - 1)).str("é");
        assert_eq!(text.as_str().len(), CAPACITY - 1);
    }
}
