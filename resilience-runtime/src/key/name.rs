//! What an operation is called: as a call gives it, and as it is kept.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::parts::parts;
use super::{Encoded, IdempotencyKey, Namespace};

/// An odd number without a pattern: the golden ratio's.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// The names of one call for its operation. Equal ones have equal keys: who compares them needs no hash of BLAKE3.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a> {
    pub(crate) namespace: &'a Namespace,
    pub(crate) scope: Option<&'a Encoded>,
    pub(crate) key: &'a Encoded,
}

impl Name<'_> {
    pub(crate) fn key(&self) -> IdempotencyKey {
        self.namespace.key(self.scope, self.key)
    }

    /// A number by which names are dealt out: the same in every run. Who chooses keys can choose it too.
    pub(crate) fn number(&self) -> u64 {
        // Both halves of the product: what differs in the upper bits of a word alone is in the upper half.
        let with = |number: u64, word: u64| {
            let (lower, upper) = (number ^ word).carrying_mul(SPREAD, 0);
            lower ^ upper
        };
        [self.scope(), self.key.as_bytes()].into_iter().fold(self.namespace.number(), |number, bytes| {
            let words = bytes.as_chunks::<8>().0.iter();
            // The last one may overlap: a part has a length of eight bytes in front of it.
            words
                .chain(bytes.last_chunk())
                .fold(number, |number, word| with(number, u64::from_le_bytes(*word)))
        })
    }

    fn scope(&self) -> &[u8] {
        self.scope.map_or(&[], Encoded::as_bytes)
    }
}

/// The keys as written, joined by slashes.
impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        as_written(parts(self.scope()).chain(parts(self.key.as_bytes())), f)
    }
}

/// Where a scope ends is left out: names that differ in nothing else are told apart by [`KeptName`].
impl Hash for Name<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.namespace.number());
        state.write(self.scope());
        state.write(self.key.as_bytes());
    }
}

/// A name that is kept, without its namespace.
pub(crate) struct KeptName {
    /// Those of the scope, then those of the key.
    bytes: Box<[u8]>,
    /// How many are those of the scope.
    scope: u32,
}

impl KeptName {
    pub(crate) fn of(name: &Name<'_>) -> Self {
        let (scope, key) = (name.scope(), name.key.as_bytes());
        let mut bytes = Vec::with_capacity(scope.len() + key.len());
        bytes.extend_from_slice(scope);
        bytes.extend_from_slice(key);
        let scope = u32::try_from(scope.len()).expect("a key has its limit");
        Self { bytes: bytes.into(), scope }
    }

    /// Whether it is this one, within one namespace.
    pub(crate) fn is(&self, name: &Name<'_>) -> bool {
        let (scope, key) = (name.scope(), name.key.as_bytes());
        // Most have none: then there is nothing to compare.
        let scope_is =
            scope.len() == self.scope as usize && (scope.is_empty() || self.bytes.starts_with(scope));
        scope_is && self.bytes[scope.len()..] == *key
    }
}

impl AsRef<[u8]> for KeptName {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// As the [`Name`] it is of.
impl fmt::Display for KeptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        as_written(parts(&self.bytes), f)
    }
}

fn as_written<'a>(parts: impl Iterator<Item = &'a str>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, part) in parts.enumerate() {
        if index > 0 {
            f.write_str("/")?;
        }
        f.write_str(part)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(parts: &[String]) -> Option<Encoded> {
        match parts {
            [] => None,
            [one] => Encoded::of(one).ok(),
            [one, two, ..] => Encoded::of(&(one, two)).ok(),
        }
    }

    proptest! {
        /// Of few letters and parts, so that they are often the same, or differ by where one ends.
        #[test]
        fn names_are_the_same_where_their_keys_are(
            scopes in prop::array::uniform2(prop::collection::vec("[ab]{1,2}", 0..3)),
            keys in prop::array::uniform2(prop::collection::vec("[ab]{1,2}", 1..3)),
        ) {
            let namespace = Namespace::of("site");
            let encoded: Vec<_> = scopes.iter().chain(&keys).map(|parts| encoded(parts)).collect();
            let name = |index: usize| {
                let (scope, key) = (encoded[index].as_ref(), encoded[index + 2].as_ref());
                Name { namespace: &namespace, scope, key: key.expect("it has a part") }
            };
            let (one, two) = (name(0), name(1));
            let is_same = one.key() == two.key();
            prop_assert_eq!(KeptName::of(&one).is(&two), is_same);
            prop_assert_eq!(scopes[0] == scopes[1] && keys[0] == keys[1], is_same);
            prop_assert!(KeptName::of(&one).is(&one));
            let hash = |name: Name<'_>| std::hash::BuildHasher::hash_one(&state(), name);
            prop_assert!(!is_same || hash(one) == hash(two));
            let text = [&*scopes[0], &*keys[0]].concat().join("/");
            prop_assert_eq!(one.to_string(), &*text);
            prop_assert_eq!(KeptName::of(&one).to_string(), text);
        }
    }

    #[test]
    fn names_that_are_alike_are_dealt_out_evenly() {
        let namespace = Namespace::of("site");
        let tenant = Encoded::of("tenant").expect("good");
        let alike: [fn(u32) -> String; 5] = [
            |order| order.to_string(),
            |order| (order * 64).to_string(),
            |order| format!("order-{order:08}"),
            |order| format!("{order:08}-of-2026"),
            |order| format!("{:032x}", u128::from(order) << 64),
        ];
        for (index, write) in alike.into_iter().enumerate() {
            for scope in [None, Some(&tenant)] {
                let mut counts = [0; 64];
                for order in 0..6_400 {
                    let key = Encoded::of(&write(order)).expect("good");
                    let number = Name { namespace: &namespace, scope, key: &key }.number();
                    counts[usize::try_from(number % 64).expect("small")] += 1;
                }
                let (least, most) = (counts.iter().min(), counts.iter().max());
                assert!(least > Some(&50) && most < Some(&150), "{index}: {counts:?}");
            }
        }
    }

    fn state() -> impl std::hash::BuildHasher {
        std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default()
    }
}
