//! The engine of `#[idempotent]`.

mod ask;
mod canonical;
mod claim;
mod codec;
mod known;
#[cfg(test)]
pub(crate) mod tests;
mod tx;
mod write;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use resilience_policy::idempotent::{Guarantee, Idempotent};

use ask::{Asked, Question};
pub use claim::Claim;
pub use codec::{
    Codec, ErrorsCompared, ErrorsNotCompared, Stored, ValuesCompared, ValuesNotCompared, codec, codec_at,
    codec_of_both, codec_of_both_at, fingerprint,
};
pub use tx::{InTx, Transaction, TxClaim, transaction};

use crate::context::{self, Context};
use crate::edge::{Outcome, Returns, Stop};
use crate::event::{Decision, Event, emit, reject};
use crate::key::{Encoded, KeyError, Name, Namespace};
use crate::ledger::{Body, LedgerError, Request, Stored as Record};
use crate::runtime::{self, InUse, SoleName};
use crate::time::Tick;
use crate::timeout::Cuttable;
use crate::{Error, Kind, Site};
#[cfg(feature = "axum")]
pub(crate) use codec::MOST_BYTES;
pub(crate) use codec::encode;
use codec::{Fault, Form};

/// One site that remembers.
pub struct SiteLedger {
    site: &'static Site,
    params: &'static Idempotent,
    namespace: OnceLock<Namespace>,
    sole_name: SoleName,
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

/// The names of an operation that can be used.
#[derive(Clone, Copy)]
struct Usable<'a> {
    key: &'a Encoded,
    scope: Option<&'a Encoded>,
    fingerprint: Option<&'a [u8; 32]>,
}

impl Names {
    /// Whether there is no key at all. With `optional` such a call runs once, and nothing is asked or kept.
    pub fn lacks_key(&self) -> bool {
        matches!(self.key, Err(KeyError::Missing))
    }

    /// The names, if all of them can be used.
    fn usable(&self) -> Result<Usable<'_>, Fault> {
        let key = self.key.as_ref().map_err(|&error| error)?;
        let scope = self.scope.as_ref().map(Result::as_ref).transpose().map_err(|&error| error)?;
        let fingerprint = self.fingerprint.as_ref().map(Result::as_ref).transpose();
        Ok(Usable { key, scope, fingerprint: fingerprint.map_err(String::as_str)? })
    }
}

/// The answer to a claim.
pub enum Entry<C = Claim> {
    /// The call runs.
    Run(C),
    /// It has run before.
    Known(Record),
    /// It cannot run.
    Rejected(Error),
}

impl<C> Cuttable for Entry<C> {
    fn cut(rejection: Error) -> Self {
        Self::Rejected(rejection)
    }
}

impl SiteLedger {
    /// Not used yet.
    pub const fn new(site: &'static Site, params: &'static Idempotent) -> Self {
        Self {
            site,
            params,
            namespace: OnceLock::new(),
            sole_name: SoleName::new(),
            warned: AtomicBool::new(false),
        }
    }

    /// Whose ledger it is.
    #[cfg(feature = "axum")]
    pub(crate) fn site(&self) -> &'static Site {
        self.site
    }

    /// Asks for the right to run the operation. `closure` is the path of one in the function's body.
    pub fn ask<'a>(&'static self, names: &'a Names, closure: fn() -> &'static str) -> Question<'a> {
        let asked = self.usable(names, closure).and_then(|usable| {
            let shared = self.in_use();
            let request = self.request(usable, shared.new_owner())?;
            Ok(Asked { shared, request })
        });
        Question { site: self, asked }
    }

    fn in_use(&'static self) -> InUse {
        let shared = runtime::in_use();
        if !shared.chosen && !self.warned.swap(true, Ordering::Relaxed) {
            emit(&Event { site: self.site.name(), decision: Decision::NoLedgerChosen });
        }
        shared
    }

    /// How long this call waits for another one: no longer than it may take itself.
    fn waits_until(&self, start: Tick) -> Option<Tick> {
        let until = start.after(self.params.wait?);
        Some(context::with(Context::deadline).map_or(until, |deadline| until.min(deadline)))
    }

    /// The names, if all of them can be used and that of the site is its own.
    fn usable<'a>(
        &'static self,
        names: &'a Names,
        closure: fn() -> &'static str,
    ) -> Result<Usable<'a>, Error> {
        let usable = names.usable().map_err(|fault| reject(Kind::InvalidKey, self.site).because(fault))?;
        self.sole_name.check(self.site, Some(closure))?;
        Ok(usable)
    }

    /// What is asked for. Inline: it is large, and written where it stays.
    #[inline]
    fn request<'a>(
        &'static self,
        usable: Usable<'a>,
        owner: Result<u128, LedgerError>,
    ) -> Result<Request<'a>, Error> {
        let owner = owner.map_err(|error| self.store(error))?;
        let name = self.name(usable);
        Ok(Request {
            key: name.key(),
            site: self.site.stored_name(),
            name,
            owner,
            fingerprint: usable.fingerprint.copied(),
            version: self.params.version,
            lease: self.params.lease,
            ttl: self.params.ttl,
            at_most_once: self.params.guarantee == Guarantee::AtMostOnce,
        })
    }

    fn name<'a>(&'static self, Usable { key, scope, .. }: Usable<'a>) -> Name<'a> {
        let namespace = self.namespace.get_or_init(|| Namespace::of(self.site.stored_name()));
        Name { namespace, scope, key }
    }

    /// What the operation gave when it ran.
    pub fn replay<R: Returns>(
        &'static self,
        record: &Record,
        codec: &Codec<R>,
    ) -> Outcome<R::Value, R::Error> {
        self.readable(record)?;
        match &record.body {
            Body::NotKept => Err(reject(Kind::ResultNotKept, self.site).into()),
            Body::Value(json) => Ok(self.read((codec.value.read)(json))?),
            Body::Error(json) => match &codec.error {
                Some(form) => Err(Stop::Failure(self.read((form.read)(json))?)),
                None => Err(self.store("a kept error, at a site without `store_errors`").into()),
            },
        }
    }

    fn read<T>(&self, read: Result<T, Fault>) -> Result<T, Error> {
        match read {
            Ok(kept) => {
                emit(&Event { site: self.site.name(), decision: Decision::Replayed });
                Ok(kept)
            }
            Err(error) => Err(self.store(error)),
        }
    }

    /// What is kept of a result.
    fn kept<T>(&self, form: &Form<T>, result: &T, body: fn(Arc<str>) -> Body) -> Body {
        match form.write(result) {
            Ok(json) => body(json),
            Err(why) => {
                emit(&Event { site: self.site.name(), decision: Decision::NotKept { why: why.words() } });
                Body::NotKept
            }
        }
    }

    /// Whether a record is of the version that this site reads.
    fn readable(&'static self, record: &Record) -> Result<(), Error> {
        let (kept, read) = (record.version, self.params.version);
        if kept == read {
            return Ok(());
        }
        Err(self.store(format!("the kept result is of version {kept}, this site reads {read}")))
    }

    fn store(&self, error: impl Into<Fault>) -> Error {
        reject(Kind::Store, self.site).because(error)
    }
}
