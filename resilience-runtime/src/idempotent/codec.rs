//! How results are written and read back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::faithful;
use crate::edge::{Edge, Returns};
use crate::ledger::Body;

/// The longest result that a ledger keeps, encoded.
pub(crate) const MOST_BYTES: usize = 256 * 1024;

/// Most results fit: they are written without growing the buffer.
const USUAL_BYTES: usize = 512;

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

type Encode<T> = fn(&T) -> Result<Arc<str>, Fault>;
type Decode<T> = fn(&str) -> Result<T, Fault>;

/// How the result of one function is written and read back.
pub struct Codec<R: Returns> {
    pub(super) encode: Encode<R::Value>,
    pub(super) decode: Decode<R::Value>,
    pub(super) encode_error: Option<Encode<R::Error>>,
    pub(super) decode_error: Decode<R::Error>,
}

/// For a function whose values are kept.
pub fn codec<R: Returns<Value: Stored>>() -> Codec<R> {
    Codec {
        encode,
        decode,
        encode_error: None,
        decode_error: |_| Err("a kept error, at a site without `store_errors`".into()),
    }
}

/// For a function whose permanent failures are kept too.
pub fn codec_of_both<R: Returns<Value: Stored, Error: Stored>>() -> Codec<R> {
    Codec { encode, decode, encode_error: Some(encode), decode_error: decode }
}

/// As [`codec`], for the function of this edge.
pub fn codec_at<R: Returns<Value: Stored>>(_: &Edge<R>) -> Codec<R> {
    codec()
}

/// As [`codec_of_both`], for the function of this edge.
pub fn codec_of_both_at<R: Returns<Value: Stored, Error: Stored>>(_: &Edge<R>) -> Codec<R> {
    codec_of_both()
}

pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Arc<str>, Fault> {
    without_panic(|| {
        faithful::check(value)?;
        let mut json = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut json, value)?;
        Ok(String::from_utf8(json)?.into())
    })
}

fn decode<T: DeserializeOwned>(json: &str) -> Result<T, Fault> {
    without_panic(|| Ok(serde_json::from_str(json)?))
}

/// A type whose serde code panics is one that cannot be written, or read. The operation itself has ended: a panic that
/// went on would leave it in doubt, and the next call would run it again, to panic again.
fn without_panic<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    // The value is only looked at, and what was written so far is thrown away.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("its serde code panicked".into()))
}

/// Values that must be the same when a key comes again.
pub fn fingerprint<T: Serialize + ?Sized>(values: &T) -> Result<[u8; 32], String> {
    match serde_json::to_vec(values) {
        Ok(bytes) => Ok(blake3::hash(&bytes).into()),
        Err(error) => Err(format!("the fingerprint cannot be encoded: {error}")),
    }
}

pub(super) fn kept(encoded: Result<Arc<str>, Fault>, body: fn(Arc<str>) -> Body) -> Body {
    match encoded {
        Ok(json) if json.len() <= MOST_BYTES => body(json),
        _ => Body::NotKept,
    }
}
