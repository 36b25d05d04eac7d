//! The engine of `#[idempotent]`.

mod asking;
mod claim;
mod codec;
mod faithful;
#[cfg(test)]
mod tests;
mod tx;
mod write;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use resilience_policy::idempotent::{Guarantee, Idempotent};

pub use claim::Claim;
pub use codec::{Codec, Stored, codec, codec_at, codec_of_both, codec_of_both_at, fingerprint};
pub use tx::{InTx, Transaction, TxClaim, transaction};

use crate::context;
use crate::edge::{Outcome, Returns, Stop};
use crate::event::{Decision, Event, emit, reject};
use crate::key::{Encoded, KeyError, Namespace};
use crate::ledger::{AsWritten, Body, Claimed, Request, Stored as Record, later};
use crate::time::{self, Instant};
use crate::{Error, Kind, Site, runtime};
use asking::Asking;
use codec::Fault;
pub(crate) use codec::encode;

/// One site that remembers.
pub struct SiteLedger {
    site: &'static Site,
    params: &'static Idempotent,
    namespace: OnceLock<Namespace>,
    /// Nobody else keeps results under its name.
    alone: AtomicBool,
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

impl Names {
    /// The names, if all of them can be used.
    fn read(&self, site: &'static SiteLedger) -> Result<Named<'_>, Error> {
        let unusable = |error: Fault| reject(Kind::InvalidKey, site.site).because(error);
        let fingerprint = self.fingerprint.as_ref().map(Result::as_ref).transpose();
        Ok(Named {
            key: self.key.as_ref().map_err(|error| unusable((*error).into()))?,
            scope: self
                .scope
                .as_ref()
                .map(Result::as_ref)
                .transpose()
                .map_err(|error| unusable((*error).into()))?,
            fingerprint: fingerprint.map_err(|error| unusable(error.clone().into()))?.copied(),
        })
    }
}

/// The same, known to be good.
struct Named<'a> {
    key: &'a Encoded,
    scope: Option<&'a Encoded>,
    fingerprint: Option<[u8; 32]>,
}

impl AsWritten for Named<'_> {
    fn as_written(&self) -> String {
        let mut text = String::new();
        for part in self.scope.into_iter().chain([self.key]) {
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
        Self {
            site,
            params,
            namespace: OnceLock::new(),
            alone: AtomicBool::new(false),
            warned: AtomicBool::new(false),
        }
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
        let names = names.read(self)?;
        self.check_name()?;
        let request = self.request(&names);
        let shared = runtime::in_use();
        let ledger = shared.ledger();
        if !shared.chosen && !self.warned.swap(true, Ordering::Relaxed) {
            emit(&Event { site: self.site.name(), decision: Decision::NoLedgerChosen });
        }
        let mut start = None;
        loop {
            match Asking::of(ledger, &request).answer().await.map_err(|error| self.store(error))? {
                Claimed::Granted { fence } => {
                    return Ok(Ok(Claim::new(self, shared.clone(), &request, fence)));
                }
                Claimed::Done(record) => return Ok(Err(record)),
                Claimed::InDoubt => return Err(reject(Kind::OutcomeUnknown, self.site)),
                Claimed::Mismatch => return Err(reject(Kind::KeyReused, self.site)),
                Claimed::Running { fence, left } => {
                    let now = time::now();
                    let until = self.waits_until(*start.get_or_insert(now)).filter(|until| *until > now);
                    let Some(until) = until else {
                        return Err(reject(Kind::InProgress, self.site).after(left));
                    };
                    // A lease that ends first can be taken over.
                    let wake = until.min(now + left);
                    let ended = tokio::time::timeout_at(wake, ledger.ended(request.key, fence)).await;
                    if let Ok(Some(record)) = ended {
                        return Ok(Err(record));
                    }
                }
            }
        }
    }

    /// How long this call waits for another one: no longer than it may take itself.
    fn waits_until(&self, start: Instant) -> Option<Instant> {
        let until = later(start, self.params.wait?);
        Some(context::deadline().map_or(until, |deadline| until.min(deadline)))
    }

    fn request<'a>(&'static self, names: &'a Named<'a>) -> Request<'a> {
        Request {
            key: self.namespace.get_or_init(|| Namespace::of(self.site.name())).key(names.scope, names.key),
            site: self.site.name(),
            text: names,
            owner: u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..)),
            fingerprint: names.fingerprint,
            version: self.params.version,
            lease: self.params.lease,
            ttl: self.params.ttl,
            at_most_once: self.params.guarantee == Guarantee::AtMostOnce,
        }
    }

    /// Two sites of one name would replay each other's results.
    fn check_name(&self) -> Result<(), Error> {
        if self.alone.load(Ordering::Relaxed) {
            return Ok(());
        }
        match runtime::namesake(self.site) {
            Some(clash) => Err(reject(Kind::Store, self.site).because(clash)),
            None => {
                self.alone.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
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
