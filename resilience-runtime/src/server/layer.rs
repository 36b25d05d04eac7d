//! What a layer is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use resilience_policy::Policy;
use resilience_policy::idempotent::{Guarantee, Idempotent};
use tower_layer::Layer;

use super::ledger::{self, Name};
use super::scope::Scope;
use super::service::Idempotency;
use crate::idempotent::{MOST_BYTES, SiteLedger};
use crate::owner::sane;

/// As much as the extractors of axum take.
const REQUEST_LIMIT: usize = 2 * 1024 * 1024;
/// As long as hyper gives to the head of a request.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// A body that is made before it is sent is there at once.
const RESPONSE_TIME: Duration = Duration::from_secs(1);

/// Remembers the response to a request by its `Idempotency-Key`: the layer of a server, such as an axum `Router`.
///
/// ```
/// # use resilience_runtime as resilience;
/// use resilience::server::{IdempotencyLayer, Scope};
/// # #[derive(Clone)]
/// # struct Tenant { id: String }
///
/// let layer = IdempotencyLayer::new("payments", Scope::extension(|tenant: &Tenant| tenant.id.clone()));
/// ```
///
/// Without a scope it does not compile:
///
/// ```compile_fail,E0061
/// # use resilience_runtime as resilience;
/// # use resilience::server::{IdempotencyLayer, Scope};
/// let layer = IdempotencyLayer::new("payments");
/// ```
///
/// A value that `#[idempotent]` would refuse panics.
#[derive(Clone)]
pub struct IdempotencyLayer {
    name: Name,
    params: Idempotent,
    rules: Rules,
}

/// What it asks of a request and of a response.
#[derive(Clone)]
pub(super) struct Rules {
    methods: Arc<[Method]>,
    /// A request without a key is refused.
    pub(super) required: bool,
    pub(super) scope: Scope,
    pub(super) request_limit: usize,
    pub(super) request_time: Duration,
    pub(super) response_limit: usize,
    pub(super) response_time: Duration,
}

impl Rules {
    pub(super) fn covers(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }
}

impl IdempotencyLayer {
    /// A layer that keeps its responses under this name: for `POST` and `PATCH`, for 24 hours, and it refuses them
    /// without a key. Two layers of one name share their keys within a scope.
    #[track_caller]
    pub fn new(name: &'static str, scope: Scope) -> Self {
        let params = Idempotent { key: "idempotency-key", wait: None, ..Idempotent::DEFAULT };
        let rules = Rules {
            methods: Arc::new([Method::POST, Method::PATCH]),
            required: true,
            scope,
            request_limit: REQUEST_LIMIT,
            request_time: REQUEST_TIME,
            response_limit: MOST_BYTES,
            response_time: RESPONSE_TIME,
        };
        Self { name: Name::here(name), params, rules }
    }

    /// The methods that need a key (`POST` and `PATCH`). All others pass, with a key or without.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.rules.methods = methods.into_iter().collect();
        self
    }

    /// Lets a request without a key through, unprotected.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.rules.required = false;
        self
    }

    /// How long a response is remembered (24 h).
    ///
    /// # Panics
    ///
    /// Where it is zero, or less than the lease.
    #[must_use]
    #[track_caller]
    pub fn ttl(self, time: Duration) -> Self {
        let params = Idempotent { ttl: time, ..self.params };
        self.with(params)
    }

    /// How long a claim stands without renewal (60 s). It is renewed at a third of it while the handler runs, so only
    /// the requests of a process that died wait for its end.
    ///
    /// # Panics
    ///
    /// Where it is zero, or more than the `ttl`.
    #[must_use]
    #[track_caller]
    pub fn lease(self, time: Duration) -> Self {
        let params = Idempotent { lease: time, ..self.params };
        self.with(params)
    }

    /// An interrupted request is answered with 409 until an operator has decided, instead of being run again.
    #[must_use]
    pub fn at_most_once(mut self) -> Self {
        self.params.guarantee = Guarantee::AtMostOnce;
        self
    }

    /// A duplicate of a running request waits so long for its response, and never past its own deadline, before it
    /// gets the 409 that it otherwise gets at once.
    ///
    /// # Panics
    ///
    /// Where it is zero.
    #[must_use]
    #[track_caller]
    pub fn wait(self, time: Duration) -> Self {
        let params = Idempotent { wait: Some(time), ..self.params };
        self.with(params)
    }

    /// The longest body of a request, in bytes (2 MiB): it is read before the handler runs. A longer one gets 413.
    #[must_use]
    pub fn request_limit(mut self, bytes: usize) -> Self {
        self.rules.request_limit = bytes;
        self
    }

    /// How long the body of a request may take to arrive (30 s), from the moment its head is read. A slower one gets 408;
    /// one that outlasts the `request-timeout-ms` of its request gets 504 before. Nothing has run then.
    ///
    /// # Panics
    ///
    /// Where it is zero.
    #[must_use]
    #[track_caller]
    pub fn request_time(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a `request_time` of zero lets no body arrive");
        self.rules.request_time = time;
        self
    }

    /// How long the body of a response is waited for before its head is sent (1 s). One that takes longer is a stream:
    /// it goes out as it comes, and what is kept is that the request succeeded: a duplicate gets 410. At zero, only what
    /// is there at once is kept.
    #[must_use]
    pub fn response_time(mut self, time: Duration) -> Self {
        self.rules.response_time = time;
        self
    }

    /// The longest body of a response that is kept, in bytes (256 KiB, which no ledger exceeds). A longer one is sent,
    /// and what is kept is that the request succeeded: a duplicate gets 410.
    #[must_use]
    pub fn response_limit(mut self, bytes: usize) -> Self {
        self.rules.response_limit = bytes.min(MOST_BYTES);
        self
    }

    #[track_caller]
    fn with(mut self, params: Idempotent) -> Self {
        sane(Policy::Idempotent(params));
        self.params = params;
        self
    }

    fn ledger(&self) -> &'static SiteLedger {
        ledger::of(self.name, self.params)
    }
}

impl fmt::Debug for IdempotencyLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, params, rules } = self;
        f.debug_struct("IdempotencyLayer")
            .field("name", &name.text)
            .field("params", params)
            .field("scope", &rules.scope)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = Idempotency<S>;

    fn layer(&self, service: S) -> Idempotency<S> {
        Idempotency::new(self.ledger(), self.rules.clone(), service)
    }
}
