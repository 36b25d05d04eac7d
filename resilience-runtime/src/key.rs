//! Idempotency keys: what users write, and the 32 bytes that a ledger keeps.

mod bytes;
mod name;
mod parts;

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

pub(crate) use name::{KeptName, Name};
pub use parts::{Encoded, KeyError, KeyParts};

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The version of the derivation. Another one means other keys.
const FORMAT: &str = "resilience idempotency key 1";

/// The key of an idempotent operation: 32 bytes over the site's name, the scope and the key as written. It shows as
/// 64 hexadecimal digits, which fits an `Idempotency-Key` header.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey([u8; 32]);

impl IdempotencyKey {
    /// The key under which the site called `name` keeps the operation `key`, with the `scope` if the site has one.
    ///
    /// ```
    /// # use resilience_runtime as resilience;
    /// # use resilience::IdempotencyKey;
    /// let key = IdempotencyKey::of("payments.charge", Some(&"tenant-7"), &42).unwrap();
    /// assert_eq!(key.to_string().len(), 64);
    /// assert!(IdempotencyKey::of("payments.charge", None::<&str>, "").is_err());
    /// ```
    pub fn of<S: Key + ?Sized, K: Key + ?Sized>(
        name: &str,
        scope: Option<&S>,
        key: &K,
    ) -> Result<Self, KeyError> {
        let scope = scope.map(Encoded::of).transpose()?;
        Ok(Namespace::of(name).key(scope.as_ref(), &Encoded::of(key)?))
    }

    /// The key of these bytes, as a ledger has kept them.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The keys of one site. Each step is a keyed hash under the result of the one before, so that a call hashes its own key
/// and nothing else: a single block, for most keys.
#[derive(Clone, Copy)]
pub(crate) struct Namespace([u8; 32]);

impl Namespace {
    pub(crate) fn of(name: &str) -> Self {
        Self(blake3::derive_key(FORMAT, name.as_bytes()))
    }

    /// Tells it from other ones, in most cases.
    fn number(&self) -> u64 {
        self.0.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }

    pub(crate) fn key(&self, scope: Option<&Encoded>, key: &Encoded) -> IdempotencyKey {
        let within = scope.map_or(self.0, |scope| *blake3::keyed_hash(&self.0, scope.as_bytes()).as_bytes());
        IdempotencyKey(blake3::keyed_hash(&within, key.as_bytes()).into())
    }
}

/// The version of the derivation of limits.
const LIMITS: &str = "resilience fleet limit 1";

/// The name of a limit in a store: that of its owner, and its number among those of one owner.
pub(crate) fn limit(name: &str, number: u32) -> [u8; 32] {
    let mut owner = blake3::Hasher::new_derive_key(LIMITS);
    owner.update(&number.to_le_bytes()).update(name.as_bytes());
    owner.finalize().into()
}

/// The same of one of its keys.
pub(crate) fn limit_of(limit: &[u8; 32], key: &Encoded) -> [u8; 32] {
    blake3::keyed_hash(limit, key.as_bytes()).into()
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By hand: a ledger on a server writes it for every call.
        let mut digits = [0; 64];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Reads the 64 hexadecimal digits that a key shows as. It is not for keys as written: those go to
/// [`IdempotencyKey::of`].
impl FromStr for IdempotencyKey {
    type Err = ParseKeyError;

    fn from_str(digits: &str) -> Result<Self, ParseKeyError> {
        // Before the cut into pairs, which could fall into a character.
        if let Some(at) = digits.chars().position(|digit| !digit.is_ascii_hexdigit()) {
            return Err(ParseKeyError::NoDigit { at: at + 1 });
        }
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(ParseKeyError::Length(digits.len()));
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            *byte = pair.iter().fold(0, |byte, &digit| byte << 4 | value_of(digit));
        }
        Ok(Self(bytes))
    }
}

/// The value of a hexadecimal digit.
fn value_of(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit.to_ascii_lowercase() - b'a' + 10,
    }
}

/// Why a text is not a stored key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseKeyError {
    /// It holds something else than hexadecimal digits.
    #[error("character {at} is no hexadecimal digit: a stored key is 64 of them")]
    NoDigit {
        /// Its number, from 1 on. What it is may be a part of a secret that was pasted here.
        at: usize,
    },
    /// It is too short or too long.
    #[error("it has {0} hexadecimal digits: a stored key is 64 of them")]
    Length(usize),
}

/// Something that names an operation: strings, integers, UUIDs, and tuples of up to eight of them.
///
/// A type of your own names its parts:
///
/// ```
/// # use resilience_runtime as resilience;
/// use resilience::{Key, KeyParts};
///
/// struct OrderId(u64);
///
/// impl Key for OrderId {
///     fn write(&self, parts: &mut KeyParts) {
///         self.0.write(parts);
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key",
    label = "a key is a string, an integer, a UUID, or a tuple of them",
    note = "name the operation by what identifies it, such as `order.id`",
    note = "or implement `resilience::Key` for a type of your own"
)]
pub trait Key {
    /// Adds the parts of the key.
    fn write(&self, parts: &mut KeyParts);
}

macro_rules! keys {
    (text $($ty:ty)*) => { $(impl Key for $ty {
        fn write(&self, parts: &mut KeyParts) {
            parts.push(self);
        }
    })* };
    (integer $($ty:ty)*) => { $(impl Key for $ty {
        fn write(&self, parts: &mut KeyParts) {
            parts.push(itoa::Buffer::new().format(*self));
        }
    })* };
    (inner $([$($generics:tt)*] $ty:ty)*) => { $(impl<$($generics)*> Key for $ty {
        fn write(&self, parts: &mut KeyParts) {
            (**self).write(parts);
        }
    })* };
    (tuple $($name:ident)*) => { impl<$($name: Key),*> Key for ($($name,)*) {
        #[allow(non_snake_case)] // the type's name serves for its value
        fn write(&self, parts: &mut KeyParts) {
            let ($($name,)*) = self;
            $($name.write(parts);)*
        }
    } };
}

keys!(text str String);
keys!(integer u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);
keys!(inner [T: Key + ?Sized] &T [T: Key + ?Sized] &mut T [T: Key + ?Sized] Box<T> [T: Key + ?Sized] Arc<T> [T: Key + ?Sized] Rc<T>);
keys!(inner [T: Key + ToOwned + ?Sized] Cow<'_, T>);
keys!(tuple A B);
keys!(tuple A B C);
keys!(tuple A B C D);
keys!(tuple A B C D E);
keys!(tuple A B C D E F);
keys!(tuple A B C D E F G);
keys!(tuple A B C D E F G H);

impl Key for char {
    fn write(&self, parts: &mut KeyParts) {
        parts.push(self.encode_utf8(&mut [0; 4]));
    }
}

#[cfg(feature = "uuid")]
impl Key for uuid::Uuid {
    fn write(&self, parts: &mut KeyParts) {
        parts.push(self.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()));
    }
}

/// `None` is an error, not a key that all callers without one share.
impl<T: Key> Key for Option<T> {
    fn write(&self, parts: &mut KeyParts) {
        match self {
            Some(key) => key.write(parts),
            None => parts.missing(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &(impl Key + ?Sized)) -> IdempotencyKey {
        IdempotencyKey::of("site", None::<&str>, key).expect("a good key")
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(of(&("a", "bc")), of(&("ab", "c")));
        assert_ne!(of("7"), IdempotencyKey::of("site", Some("7"), "7").expect("good"));
        assert_ne!(of("7"), IdempotencyKey::of("other", None::<&str>, "7").expect("good"));
        assert_eq!(of(&7u32), of(&7i64), "the width of an integer is no part of the key");
        assert_eq!(of(&Some("x")), of(&String::from("x")));
    }

    #[test]
    fn a_tuple_has_up_to_eight_parts() {
        let eight = (1, 2, 3, 4, 5, 6, 7, 8);
        assert_eq!(of(&eight), of(&("1", "2", "3", "4", "5", "6", "7", "8")));
        assert_ne!(of(&eight), of(&(1, 2, 3, 4, 5, 6, 7)));
        assert_ne!(of(&(1, 2, 3, 4, 5, 6)), of(&(1, 2, 3, 4, 5)));
    }

    #[test]
    fn the_derivation_is_pinned() {
        // A change of these digits forgets every stored result of every user.
        assert_eq!(
            of(&("tenant", 42)).to_string(),
            "ebaaa2888e5ee4a941364e3f59021c1d2d4e5a376bbc36e5c7bdcf4bf5c741f2"
        );
    }

    /// A change of these digits lets a fleet in the middle of a release count twice.
    #[test]
    fn the_names_of_limits_are_pinned() {
        let hex = |bytes: [u8; 32]| blake3::Hash::from(bytes).to_string();
        let api = limit("api", 0);
        let key = Encoded::of(&("tenant", 42)).expect("good");
        assert_eq!(hex(api), "7b8ff33b1be60a0795254f2e76b184e2afb82c13c39d7941ccb990a5a2588e8b");
        assert_eq!(
            hex(limit_of(&api, &key)),
            "cb5c74fcd3feec85828bb2ea6445c5ce770a6f286c3f03dbb935d47c6db53702"
        );
        assert_ne!(limit("api", 1), api);
    }

    #[test]
    fn a_stored_key_is_read_as_it_shows() {
        let key = of("4711");
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(key.to_string().to_uppercase().parse(), Ok(key));
        for (text, why) in [
            ("", "it has 0 hexadecimal digits: a stored key is 64 of them"),
            ("ebaaa288", "it has 8 hexadecimal digits: a stored key is 64 of them"),
            ("order", "character 1 is no hexadecimal digit: a stored key is 64 of them"),
            (
                &format!("ab{}", "é".repeat(31)),
                "character 3 is no hexadecimal digit: a stored key is 64 of them",
            ),
            (&"a".repeat(65), "it has 65 hexadecimal digits: a stored key is 64 of them"),
        ] {
            assert_eq!(
                text.parse::<IdempotencyKey>().map_err(|error| error.to_string()),
                Err(why.to_owned())
            );
        }
    }

    #[test]
    fn bad_keys_are_refused() {
        let long = "x".repeat(513);
        assert_eq!(Encoded::of("").err(), Some(KeyError::Empty));
        for blank in ["", " ", "\t \n", "\u{a0}\u{3000}"] {
            assert_eq!(Encoded::of(blank).err(), Some(KeyError::Empty), "{blank:?}");
            assert_eq!(Encoded::of(&("tenant", blank)).err(), Some(KeyError::Empty), "{blank:?}");
        }
        assert_eq!(Encoded::of(&' ').err(), Some(KeyError::Empty));
        assert!(Encoded::of(" 7").is_ok());
        assert_eq!(Encoded::of(&None::<&str>).err(), Some(KeyError::Missing));
        assert_eq!(Encoded::of(&(1, None::<u8>)).err(), Some(KeyError::Missing));
        assert_eq!(Encoded::of(&long).err(), Some(KeyError::TooLong(513)));
        assert!(Encoded::of(&long[1..]).is_ok());
    }
}
