//! A request is read to its end before anything runs: its body is a part of what must be the same when a key comes
//! again.

use axum_core::body::Body;
use axum_core::extract::Request;
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http_body::Body as _;
use http_body_util::BodyExt;

use super::problem::{self, Problem};

/// A body within its limit. Of one that is longer no more is read.
pub(super) async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    loop {
        if bytes.len().saturating_add(least(&body)) > limit {
            return Err(problem::too_long(limit));
        }
        match body.frame().await {
            None => return Ok(bytes.freeze()),
            Some(Err(_)) => return Err(problem::broken_request()),
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    bytes.extend_from_slice(data);
                }
            }
        }
    }
}

/// How much of a body is still to come, at least.
pub(super) fn least(body: &Body) -> usize {
    usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX)
}

/// What must be the same when the key comes again. Parts are kept apart by their lengths.
pub(super) fn fingerprint(head: &Parts, body: &[u8]) -> [u8; 32] {
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let kind = head.headers.get(CONTENT_TYPE).map_or(&[][..], |kind| kind.as_bytes());
    let mut hash = blake3::Hasher::new();
    for part in [head.method.as_str().as_bytes(), target.as_bytes(), kind, body] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The request, with the body that was read.
pub(super) fn whole(head: Parts, body: Bytes) -> Request {
    Request::from_parts(head, Body::from(body))
}
