//! How results are written and read back.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::canonical;
use crate::edge::{Edge, Returns};

/// The longest result that a ledger keeps, encoded.
pub(crate) const MOST_BYTES: usize = 256 * 1024;

/// Most results fit: they are written without growing the buffer.
pub(super) const USUAL_BYTES: usize = 512;

pub(super) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A result that a ledger can keep: everything that serde can write and read back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a ledger",
    label = "an `#[idempotent]` function keeps its result, and under `store_errors` its error, to replay it",
    note = "derive it: `#[derive(serde::Serialize, serde::Deserialize)]`; the type must own what it holds",
    note = "or return what is worth keeping, such as an id, and look the rest up again"
)]
pub trait Stored: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Stored for T {}

/// How the result of one function is written and read back.
pub struct Codec<R: Returns> {
    pub(super) value: Form<R::Value>,
    /// Only where permanent failures are kept.
    pub(super) error: Option<Form<R::Error>>,
}

impl<R: Returns> Clone for Codec<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Returns> Copy for Codec<R> {}

/// How values of one type are kept.
pub(super) struct Form<T> {
    write: Write<T>,
    compare: Compare<T>,
    pub(super) read: fn(&str) -> Result<T, Fault>,
}

type Write<T> = fn(&T, Compare<T>) -> Result<Arc<str>, Unkept>;

/// Whether two values are equal, as their own `==` has it.
type Compare<T> = fn(&T, &T) -> Comparison;

impl<T> Clone for Form<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Form<T> {}

impl<T> Form<T> {
    fn new() -> Self
    where
        T: Stored,
    {
        Self { write: keep, compare: unknown, read }
    }

    fn compared(self) -> Self
    where
        T: PartialEq,
    {
        Self { compare, ..self }
    }

    pub(super) fn write(&self, value: &T) -> Result<Arc<str>, Unkept> {
        (self.write)(value, self.compare)
    }
}

fn unknown<T>(_: &T, _: &T) -> Comparison {
    Comparison::Unknown
}

fn compare<T: PartialEq>(one: &T, other: &T) -> Comparison {
    let is_itself = |value: &T| value.eq(value);
    if one == other {
        Comparison::Equal
    } else if is_itself(one) && is_itself(other) {
        Comparison::Differs
    } else {
        Comparison::Unknown
    }
}

/// What `==` says of a value and of the one that was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Differs,
    /// The type has no `==`, or a value is not equal to itself, such as `NaN`.
    Unknown,
}

/// Why a result is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unkept {
    TooLong,
    Unwritten,
    Unread,
    Differs,
}

impl Unkept {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::TooLong => "it is longer than 256 KiB as JSON",
            Self::Unwritten => "it cannot be written as JSON; a reply of HTTP is a stream, or too long",
            Self::Unread => "it cannot be read back from its JSON",
            Self::Differs => "read back from its JSON it is another one",
        }
    }
}

/// For a function whose values are kept.
pub fn codec<R: Returns<Value: Stored>>() -> Codec<R> {
    Codec { value: Form::new(), error: None }
}

/// For a function whose permanent failures are kept too.
pub fn codec_of_both<R: Returns<Value: Stored, Error: Stored>>() -> Codec<R> {
    Codec { value: Form::new(), error: Some(Form::new()) }
}

/// As [`codec`], for the function of this edge.
pub fn codec_at<R: Returns<Value: Stored>>(_: &Edge<R>) -> Codec<R> {
    codec()
}

/// As [`codec_of_both`], for the function of this edge.
pub fn codec_of_both_at<R: Returns<Value: Stored, Error: Stored>>(_: &Edge<R>) -> Codec<R> {
    codec_of_both()
}

/// The codec of a function whose values can be compared: `==` sees what serde does not, such as a field that it skips. The
/// method of a codec itself is found before that of a reference to one, so that this is the one that is called where there is a
/// `==`.
pub trait ValuesCompared {
    /// With the `==` of its values.
    #[must_use]
    fn values_compared(self) -> Self;
}

impl<R: Returns<Value: PartialEq>> ValuesCompared for Codec<R> {
    fn values_compared(self) -> Self {
        Self { value: self.value.compared(), ..self }
    }
}

/// As [`ValuesCompared`], for values that cannot be compared.
pub trait ValuesNotCompared {
    /// The codec.
    type Codec;

    /// As it is.
    #[must_use]
    fn values_compared(self) -> Self::Codec;
}

impl<R: Returns> ValuesNotCompared for &Codec<R> {
    type Codec = Codec<R>;

    fn values_compared(self) -> Codec<R> {
        *self
    }
}

/// As [`ValuesCompared`], of errors that are kept.
pub trait ErrorsCompared {
    /// With the `==` of its errors.
    #[must_use]
    fn errors_compared(self) -> Self;
}

impl<R: Returns<Error: PartialEq>> ErrorsCompared for Codec<R> {
    fn errors_compared(self) -> Self {
        Self { error: self.error.map(Form::compared), ..self }
    }
}

/// As [`ErrorsCompared`], for errors that cannot be compared.
pub trait ErrorsNotCompared {
    /// The codec.
    type Codec;

    /// As it is.
    #[must_use]
    fn errors_compared(self) -> Self::Codec;
}

impl<R: Returns> ErrorsNotCompared for &Codec<R> {
    type Codec = Codec<R>;

    fn errors_compared(self) -> Codec<R> {
        *self
    }
}

/// What is kept of a result: that which gives the same result when it is read. It is read back here, once.
fn keep<T: Stored>(value: &T, compare: Compare<T>) -> Result<Arc<str>, Unkept> {
    let written = without_panic(|| json(value)).ok_or(Unkept::Unwritten)?;
    if written.len() > MOST_BYTES {
        return Err(Unkept::TooLong);
    }
    let comes_back = without_panic(|| {
        let back = serde_json::from_str(&written).ok()?;
        let alike = |any_order| canonical::are_alike(value, &back, any_order).ok();
        Some(match compare(value, &back) {
            Comparison::Differs => false,
            Comparison::Unknown => alike(false)?,
            // A sequence that comes back in another order, and is equal, is a set.
            Comparison::Equal => alike(false)? || alike(true)?,
        })
    });
    match comes_back {
        Some(true) => Ok(written.into()),
        Some(false) => Err(Unkept::Differs),
        None => Err(Unkept::Unread),
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    let mut json = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut json, value).ok()?;
    String::from_utf8(json).ok()
}

/// A result that an operator knows. Nobody can say here what the site will read it as.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Arc<str>, String> {
    let written =
        without_panic(|| canonical::is_json(value).ok().filter(|is_json| *is_json).and(json(value)));
    let kept = match written {
        None => Err(Unkept::Unwritten),
        Some(json) if json.len() > MOST_BYTES => Err(Unkept::TooLong),
        Some(json) => Ok(json.into()),
    };
    kept.map_err(|why| format!("a `{}` cannot be kept: {}", type_name::<T>(), why.words()))
}

fn read<T: Stored>(json: &str) -> Result<T, Fault> {
    let unread = |why: String| format!("what is kept cannot be read as `{}`: {why}", type_name::<T>());
    let read = without_panic(|| Some(serde_json::from_str(json).map_err(|error| place(&error))));
    let read = read.unwrap_or_else(|| Err("its `Deserialize` panicked".to_owned()));
    read.map_err(|why| unread(why).into())
}

/// Where the reading ended, and not at what: the words of serde quote it.
fn place(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        Category::Data => "other data than it expects",
        Category::Syntax | Category::Io => "a syntax error",
        Category::Eof => "an early end",
    };
    match error.line() {
        0 => what.to_owned(), // it is not known, as in an untagged enum
        line => format!("{what} at line {line}, column {}", error.column()),
    }
}

/// A type whose serde code panics is one that cannot be written, or read. The operation itself has ended: a panic that
/// went on would leave it in doubt, and the next call would run it again, to panic again.
fn without_panic<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    // The value is only looked at, and what was written so far is thrown away.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(None)
}

/// Values that must be the same when a key comes again.
pub fn fingerprint<T: Serialize + ?Sized>(values: &T) -> Result<[u8; 32], String> {
    match canonical::text(values) {
        Ok(text) => Ok(blake3::hash(&text).into()),
        Err(error) => Err(format!("the fingerprint, a `{}`, cannot be encoded: {error}", type_name::<T>())),
    }
}
