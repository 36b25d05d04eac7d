//! The parts of a key as bytes, each after its length.

use std::fmt;

/// Most keys fit without the heap.
const SHORT: usize = 64;
/// A part's length, in front of it.
const LENGTH: usize = size_of::<u64>();

/// Room for a key. (A vector that begins on the stack does the same, in two calls for each part of every key.)
#[derive(Clone)]
pub(super) struct Bytes {
    short: [u8; SHORT],
    length: usize,
    /// All of a key that is not short.
    long: Vec<u8>,
}

/// Not a part of the key, which no text repeats.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self { short: [0; SHORT], length: 0, long: Vec::new() }
    }
}

impl Bytes {
    pub(super) fn push(&mut self, part: &str) {
        let length = (part.len() as u64).to_le_bytes();
        let end = self.length + LENGTH + part.len();
        match self.short.get_mut(self.length..end) {
            Some(place) => {
                let (before, place) = place.split_at_mut(LENGTH);
                before.copy_from_slice(&length);
                place.copy_from_slice(part.as_bytes());
            }
            None => {
                if self.long.is_empty() {
                    self.long.extend_from_slice(&self.short[..self.length]);
                }
                self.long.extend_from_slice(&length);
                self.long.extend_from_slice(part.as_bytes());
            }
        }
        self.length = end;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        if self.length <= SHORT { &self.short[..self.length] } else { &self.long }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_last_byte_of_the_short_ones_is_used() {
        for length in [SHORT - LENGTH - 1, SHORT - LENGTH, SHORT - LENGTH + 1] {
            let part = "x".repeat(length);
            let mut bytes = Bytes::default();
            bytes.push(&part);
            assert_eq!(bytes.long.is_empty(), length <= SHORT - LENGTH);
            assert_eq!(&bytes.as_slice()[LENGTH..], part.as_bytes());
            bytes.push("");
            assert_eq!(bytes.as_slice().len(), length + 2 * LENGTH);
            assert_eq!(&bytes.as_slice()[LENGTH..LENGTH + length], part.as_bytes());
        }
    }

    #[test]
    fn no_text_repeats_a_key() {
        for part in ["s3cret", &"s3cret".repeat(20)] {
            let mut bytes = Bytes::default();
            bytes.push(part);
            assert_eq!(format!("{bytes:?}"), format!("{} bytes", LENGTH + part.len()));
        }
    }

    proptest! {
        #[test]
        fn the_length_of_a_part_is_in_front_of_it(parts in prop::collection::vec("[a-z]{0,40}", 0..6)) {
            let (mut bytes, mut model) = (Bytes::default(), Vec::new());
            for part in &parts {
                bytes.push(part);
                model.extend_from_slice(&(part.len() as u64).to_le_bytes());
                model.extend_from_slice(part.as_bytes());
                prop_assert_eq!(bytes.as_slice(), &model);
            }
        }
    }
}
