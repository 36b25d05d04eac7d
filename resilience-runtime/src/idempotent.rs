//! The engine of `#[idempotent]`.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use resilience_policy::idempotent::{Guarantee, Idempotent};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::{self, Operation};
use crate::edge::{Edge, Effect, Outcome, Returns, Stop};
use crate::event::{Decision, Event, emit, reject};
use crate::key::{Encoded, IdempotencyKey, KeyError};
use crate::ledger::{Body, Claimed, Hold, Ledger, Request, Stored as Record, Written};
use crate::time::{self, Instant};
use crate::{Error, Kind, Site, runtime};

/// The longest result that a ledger keeps, encoded.
pub(crate) const MOST_BYTES: usize = 256 * 1024;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A result that a ledger can keep: everything that serde can write and read back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a ledger",
    label = "the result of an `#[idempotent]` function is stored and replayed",
    note = "derive it: `#[derive(serde::Serialize, serde::Deserialize)]`; the type must own what it holds",
    note = "or return what is worth keeping, such as an id, and look the rest up again"
)]
pub trait Stored: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Stored for T {}

/// How the result of one function is written and read back.
pub struct Codec<R: Returns> {
    encode: fn(&R::Value) -> Result<Vec<u8>, Fault>,
    decode: fn(&[u8]) -> Result<R::Value, Fault>,
    encode_error: Option<fn(&R::Error) -> Result<Vec<u8>, Fault>>,
    decode_error: fn(&[u8]) -> Result<R::Error, Fault>,
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

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Fault> {
    Ok(serde_json::to_vec(value)?)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Fault> {
    Ok(serde_json::from_slice(bytes)?)
}

/// Values that must be the same when a key comes again.
pub fn fingerprint<T: Serialize + ?Sized>(values: &T) -> Result<[u8; 32], String> {
    match serde_json::to_vec(values) {
        Ok(bytes) => Ok(blake3::hash(&bytes).into()),
        Err(error) => Err(format!("the fingerprint cannot be encoded: {error}")),
    }
}

/// One site that remembers.
pub struct SiteLedger {
    site: &'static Site,
    params: &'static Idempotent,
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

/// The answer to a claim.
pub enum Entry<T, E> {
    /// The call runs.
    Run(Claim),
    /// It has run before, or cannot.
    Done(Outcome<T, E>),
}

impl SiteLedger {
    /// Not used yet.
    pub const fn new(site: &'static Site, params: &'static Idempotent) -> Self {
        Self { site, params, alone: AtomicBool::new(false), warned: AtomicBool::new(false) }
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

    async fn ask(&'static self, names: &Names) -> Result<Result<Claim, Arc<Record>>, Error> {
        let request = self.request(names)?;
        let (ledger, chosen) = runtime::ledger();
        if !chosen && !self.warned.swap(true, Ordering::Relaxed) {
            emit(&Event { site: self.site.name(), decision: Decision::NoLedgerChosen });
        }
        let start = time::now();
        loop {
            match ledger.claim(Arc::clone(&request)).await.map_err(|error| self.store(error))? {
                Claimed::Granted { fence } => return Ok(Ok(Claim::new(self, ledger, &request, fence))),
                Claimed::Done(record) => return Ok(Err(record)),
                Claimed::InDoubt => return Err(reject(Kind::OutcomeUnknown, self.site)),
                Claimed::Mismatch => return Err(reject(Kind::KeyReused, self.site)),
                Claimed::Running { fence, left } => {
                    let now = time::now();
                    let until = self.waits_until(start).filter(|until| *until > now);
                    let Some(until) = until else {
                        return Err(reject(Kind::InProgress, self.site).after(left));
                    };
                    // A lease that ends first can be taken over.
                    let wake = until.min(now + left);
                    let _ = tokio::time::timeout_at(wake, ledger.ended(request.key, fence)).await;
                }
            }
        }
    }

    /// How long this call waits for another one: no longer than it may take itself.
    fn waits_until(&self, start: Instant) -> Option<Instant> {
        let until = start + self.params.wait?;
        Some(context::deadline().map_or(until, |deadline| until.min(deadline)))
    }

    fn request(&'static self, names: &Names) -> Result<Arc<Request>, Error> {
        let unusable = |error: Fault| reject(Kind::InvalidKey, self.site).because(error);
        let key = names.key.as_ref().map_err(|error| unusable((*error).into()))?;
        let scope = names
            .scope
            .as_ref()
            .map(Result::as_ref)
            .transpose()
            .map_err(|error| unusable((*error).into()))?;
        let fingerprint = names.fingerprint.as_ref().map(Result::as_ref).transpose();
        let fingerprint = fingerprint.map_err(|error| unusable(error.clone().into()))?.copied();
        self.check_name()?;
        let text = match &scope {
            Some(scope) => format!("{}/{}", scope.text(), key.text()),
            None => key.text(),
        };
        Ok(Arc::new(Request {
            key: IdempotencyKey::derive(self.site.name(), scope, key),
            site: self.site.name(),
            text,
            owner: u128::from(fastrand::u64(..)) << 64 | u128::from(fastrand::u64(..)),
            fingerprint,
            version: self.params.version,
            lease: self.params.lease,
            ttl: self.params.ttl,
            at_most_once: self.params.guarantee == Guarantee::AtMostOnce,
        }))
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
            Body::Value(bytes) => (codec.decode)(bytes).map(Ok),
            Body::Error(bytes) => (codec.decode_error)(bytes).map(|error| Err(Stop::Failure(error))),
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

/// The right to run an operation. Dropped without a settlement (a caller that went away, a timeout around it, a
/// panic), it leaves the operation in doubt.
pub struct Claim {
    site: &'static SiteLedger,
    ledger: Arc<dyn Ledger>,
    hold: Hold,
    /// Attempts of this call that may have taken effect before the claim.
    before: u32,
    open: bool,
}

/// What becomes of the record.
enum End {
    Keep(Body),
    Release,
    InDoubt,
}

impl Claim {
    fn new(site: &'static SiteLedger, ledger: Arc<dyn Ledger>, request: &Request, fence: u64) -> Self {
        let hold = Hold { key: request.key, owner: request.owner, fence };
        let before = context::with(|context| {
            context.operation = Some(Arc::new(Operation { key: hold.key, fence }));
            context.effects()
        });
        Self { site, ledger, hold, before, open: true }
    }

    /// Runs the operation, and renews the claim while it is pending.
    pub async fn keep<F: Future>(&mut self, mut body: Pin<&mut F>) -> F::Output {
        let mut renewal = pin!(self.renew());
        poll_fn(|cx| match body.as_mut().poll(cx) {
            Poll::Pending => {
                // It ends only where there is nothing left to renew.
                let _ = renewal.as_mut().poll(cx);
                Poll::Pending
            }
            ready => ready,
        })
        .await
    }

    /// Renews until the claim is lost; then the end of the operation will find out.
    async fn renew(&self) {
        let lease = self.site.params.lease;
        loop {
            tokio::time::sleep(lease / 3).await;
            if let Ok(Written::LeaseLost) = self.ledger.renew(self.hold, lease).await {
                return std::future::pending().await;
            }
        }
    }

    /// Writes what became of the operation.
    pub async fn settle<R: Returns>(
        mut self,
        outcome: Outcome<R::Value, R::Error>,
        edge: &Edge<R>,
        codec: &Codec<R>,
    ) -> Outcome<R::Value, R::Error> {
        let end = self.judge(&outcome, edge, codec);
        let result = match end {
            End::InDoubt => return outcome, // said by the drop of `self`
            End::Keep(body) => Some(Arc::new(Record { version: self.site.params.version, body })),
            End::Release => None,
        };
        // From here on the write decides, and a caller who goes away no longer leaves the operation in doubt.
        self.open = false;
        let write =
            Write { ledger: Arc::clone(&self.ledger), hold: self.hold, result, params: self.site.params };
        let lost =
            Unsent { site: self.site.site, write: Some(write) }.send().await == Some(Written::LeaseLost);
        if lost && outcome.is_ok() { Err(reject(Kind::LeaseLost, self.site.site).into()) } else { outcome }
    }

    fn judge<R: Returns>(
        &self,
        outcome: &Outcome<R::Value, R::Error>,
        edge: &Edge<R>,
        codec: &Codec<R>,
    ) -> End {
        let may_have_run = context::with(|context| context.effects()) > self.before;
        let at_most_once = self.site.params.guarantee == Guarantee::AtMostOnce;
        match outcome {
            Ok(value) => End::Keep(kept((codec.encode)(value), Body::Value)),
            Err(Stop::Failure(error)) => match ((edge.effect)(error), codec.encode_error) {
                (Effect::Permanent, Some(encode)) => End::Keep(kept(encode(error), Body::Error)),
                _ if !may_have_run => End::Release,
                (Effect::Unknown, _) => End::InDoubt,
                _ if at_most_once => End::InDoubt,
                _ => End::Release,
            },
            Err(Stop::Rejection(_)) if may_have_run => End::InDoubt,
            Err(Stop::Rejection(_)) => End::Release,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.open {
            self.ledger.abandon(self.hold);
            emit(&Event { site: self.site.site.name(), decision: Decision::InDoubt });
        }
    }
}

fn kept(encoded: Result<Vec<u8>, Fault>, body: fn(Vec<u8>) -> Body) -> Body {
    match encoded {
        Ok(bytes) if bytes.len() <= MOST_BYTES => body(bytes),
        _ => Body::NotKept,
    }
}

/// The last write of a claim.
#[derive(Clone)]
struct Write {
    ledger: Arc<dyn Ledger>,
    hold: Hold,
    /// `None` releases it.
    result: Option<Arc<Record>>,
    params: &'static Idempotent,
}

impl Write {
    async fn send(&self) -> Result<Written, crate::ledger::LedgerError> {
        match &self.result {
            Some(result) => self.ledger.complete(self.hold, Arc::clone(result), self.params.ttl).await,
            None => self.ledger.release(self.hold).await,
        }
    }

    /// Goes on in the background until the ledger is back. What the ledger never hears of ends with the lease.
    async fn insist(self) {
        let mut wait = Duration::from_millis(50);
        let end = time::now() + self.params.lease;
        while time::now() < end {
            time::pause(wait).await;
            if self.send().await.is_ok() {
                return;
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
    }
}

/// A write under way. One that the ledger did not take, or that was dropped before, goes on in the background.
struct Unsent {
    site: &'static Site,
    write: Option<Write>,
}

impl Unsent {
    async fn send(mut self) -> Option<Written> {
        let written = self.write.as_ref()?.send().await.ok()?;
        self.write = None;
        Some(written)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let Some(write) = self.write.take() else { return };
        emit(&Event { site: self.site.name(), decision: Decision::Unrecorded });
        match tokio::runtime::Handle::try_current() {
            Ok(handle) => drop(handle.spawn(write.insist())),
            Err(_) => write.ledger.abandon(write.hold),
        }
    }
}
