//! The engine of `#[idempotent]`.

mod claim;
mod codec;
mod faithful;
#[cfg(test)]
pub(crate) mod tests;
mod tx;
mod write;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use resilience_policy::idempotent::{Guarantee, Idempotent};

pub use claim::Claim;
pub use codec::{Codec, Stored, codec, codec_at, codec_of_both, codec_of_both_at, fingerprint};
pub use tx::{InTx, Transaction, TxClaim, transaction};

use crate::call::before;
use crate::context::{self, Context};
use crate::edge::{Outcome, Returns, Stop};
use crate::event::{Decision, Event, emit, reject};
use crate::key::{Encoded, KeyError, Namespace};
use crate::ledger::{AsWritten, Asking, Body, Claimed, Request, Stored as Record, new_owner};
use crate::runtime::{self, Alone};
use crate::time::Tick;
use crate::{Error, Kind, Site};
use codec::Fault;
#[cfg(feature = "axum")]
pub(crate) use codec::MOST_BYTES;
pub(crate) use codec::encode;

/// One site that remembers.
pub struct SiteLedger {
    site: &'static Site,
    params: &'static Idempotent,
    namespace: OnceLock<Namespace>,
    /// Nobody else keeps results under its name.
    alone: Alone,
    /// It has said that nobody chose a ledger.
    warned: AtomicBool,
}

/// The call's own names for its operation, as its expressions gave them.
pub struct Names {
    /// The key.
    pub key: Result<Encoded, KeyError>,
    /// The scope.
    pub scope: Option<Result<Encoded, KeyError>>,
    /// The fingerprint.
    pub fingerprint: Option<Result<[u8; 32], String>>,
}

impl AsWritten for Names {
    fn as_written(&self) -> String {
        let mut text = String::new();
        for part in self.scope.iter().chain([&self.key]).flatten() {
            if !text.is_empty() {
                text.push('/');
            }
            part.write_to(&mut text);
        }
        text
    }
}

/// The answer to a claim.
pub enum Entry<T, E, C = Claim> {
    /// The call runs.
    Run(C),
    /// It has run before, or cannot.
    Done(Outcome<T, E>),
}

impl SiteLedger {
    /// Not used yet.
    pub const fn new(site: &'static Site, params: &'static Idempotent) -> Self {
        Self { site, params, namespace: OnceLock::new(), alone: Alone::new(), warned: AtomicBool::new(false) }
    }

    /// Claims the operation, or gives its result.
    pub async fn claim<R: Returns>(
        &'static self,
        names: &Names,
        codec: &Codec<R>,
    ) -> Entry<R::Value, R::Error> {
        match self.ask(names).await {
            Ok(Ok(claim)) => Entry::Run(claim),
            Ok(Err(record)) => Entry::Done(self.replay(&record, codec)),
            Err(error) => Entry::Done(Err(error.into())),
        }
    }

    async fn ask(&'static self, names: &Names) -> Result<Result<Claim, Record>, Error> {
        let request =
            self.request(names).map_err(|error| reject(Kind::InvalidKey, self.site).because(error))?;
        self.alone.check(self.site)?;
        let shared = runtime::in_use();
        let ledger = shared.ledger();
        if !shared.chosen && !self.warned.swap(true, Ordering::Relaxed) {
            emit(&Event { site: self.site.name(), decision: Decision::NoLedgerChosen });
        }
        let mut start = None;
        loop {
            match Asking::of(ledger, &request).answer().await {
                Ok(Claimed::Granted { fence }) => {
                    return Ok(Ok(Claim::new(self, shared, &request, fence)));
                }
                Ok(Claimed::Done(record)) => return Ok(Err(record)),
                Ok(Claimed::InDoubt) => return Err(reject(Kind::OutcomeUnknown, self.site)),
                Ok(Claimed::Mismatch) => return Err(reject(Kind::KeyReused, self.site)),
                Err(error) => return Err(self.store(error)),
                Ok(Claimed::Running { fence, left }) => {
                    let now = Tick::now();
                    let until = self.waits_until(*start.get_or_insert(now)).filter(|until| *until > now);
                    let Some(until) = until else {
                        return Err(reject(Kind::InProgress, self.site).after(left));
                    };
                    // A lease that ends first can be taken over.
                    let wake = until.min(now.after(left));
                    if let Some(Some(record)) = before(wake, ledger.ended(request.key, fence)).await {
                        return Ok(Err(record));
                    }
                }
            }
        }
    }

    /// How long this call waits for another one: no longer than it may take itself.
    fn waits_until(&self, start: Tick) -> Option<Tick> {
        let until = start.after(self.params.wait?);
        Some(context::with(Context::deadline).map_or(until, |deadline| until.min(deadline)))
    }

    /// What is asked for, if all of the names can be used.
    fn request<'a>(&'static self, names: &'a Names) -> Result<Request<'a>, Fault> {
        let key = names.key.as_ref().map_err(|error| *error)?;
        let scope = names.scope.as_ref().map(Result::as_ref).transpose().map_err(|error| *error)?;
        let namespace = self.namespace.get_or_init(|| Namespace::of(self.site.name()));
        Ok(Request {
            key: namespace.key(scope, key),
            site: self.site.name(),
            text: names,
            owner: new_owner(),
            fingerprint: names.fingerprint.clone().transpose()?,
            version: self.params.version,
            lease: self.params.lease,
            ttl: self.params.ttl,
            at_most_once: self.params.guarantee == Guarantee::AtMostOnce,
        })
    }

    fn replay<R: Returns>(&'static self, record: &Record, codec: &Codec<R>) -> Outcome<R::Value, R::Error> {
        if record.version != self.params.version {
            let why = format!(
                "the kept result is of version {}, this site reads {}",
                record.version, self.params.version
            );
            return Err(self.store(why).into());
        }
        let outcome = match &record.body {
            Body::NotKept => return Err(reject(Kind::ResultNotKept, self.site).into()),
            Body::Value(json) => (codec.decode)(json).map(Ok),
            Body::Error(json) => (codec.decode_error)(json).map(|error| Err(Stop::Failure(error))),
        };
        match outcome {
            Ok(outcome) => {
                emit(&Event { site: self.site.name(), decision: Decision::Replayed });
                outcome
            }
            Err(error) => Err(self.store(error).into()),
        }
    }

    fn store(&self, error: impl Into<Fault>) -> Error {
        reject(Kind::Store, self.site).because(error)
    }
}
