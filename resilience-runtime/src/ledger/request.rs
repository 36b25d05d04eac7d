use std::time::Duration;

use crate::key::{IdempotencyKey, Name};

/// What a claim is for.
#[non_exhaustive]
pub struct Request<'a> {
    /// The operation.
    pub key: IdempotencyKey,
    /// The name of the site, for the eyes of operators.
    pub site: &'static str,
    /// What the operation is called.
    pub(crate) name: Name<'a>,
    /// Made by the client, so that a claim whose answer was lost can be asked for again.
    pub owner: u128,
    /// A hash of the values that must be the same when the key comes again.
    pub fingerprint: Option<[u8; 32]>,
    /// The version of the results of this site. An operator's result is stored under it.
    pub version: u32,
    /// How long the claim stands without a renewal.
    pub lease: Duration,
    /// How long a released record, or one in doubt under `dedup`, is remembered.
    pub ttl: Duration,
    /// What is in doubt must not be run again.
    pub at_most_once: bool,
}

impl Request<'_> {
    /// The key as the site wrote it, its parts joined by slashes. It is for operators, and to be asked for where a claim
    /// is granted: a replay does not need it.
    pub fn as_written(&self) -> String {
        self.name.to_string()
    }
}
