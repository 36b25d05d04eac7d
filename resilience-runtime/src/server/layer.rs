//! What a layer is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use http::request::Parts;
use resilience_policy::Policy;
use resilience_policy::idempotent::{Guarantee, Idempotent};
use tower_layer::Layer;

use super::ledger::{self, Name};
use super::service::Idempotency;
use crate::idempotent::{MOST_BYTES, SiteLedger};
use crate::key::{Encoded, Key, KeyError};
use crate::owner::sane;

/// As much as the extractors of axum take.
const REQUEST_LIMIT: usize = 2 * 1024 * 1024;

/// Remembers the response to a request by its `Idempotency-Key`: the layer of a server, such as an axum `Router`.
///
/// ```
/// use resilience_runtime::server::IdempotencyLayer;
/// # #[derive(Clone)]
/// # struct Tenant { id: String }
///
/// let layer = IdempotencyLayer::new("payments")
///     .scope(|request| request.extensions.get::<Tenant>().map(|tenant| tenant.id.clone()));
/// ```
///
/// A value that `#[idempotent]` would refuse panics.
#[derive(Clone)]
pub struct IdempotencyLayer {
    name: Name,
    params: Idempotent,
    rules: Rules,
}

type Scope = Arc<dyn Fn(&Parts) -> Result<Encoded, KeyError> + Send + Sync>;

/// What it asks of a request and of a response.
#[derive(Clone)]
pub(super) struct Rules {
    methods: Arc<[Method]>,
    /// A request without a key is refused.
    pub(super) required: bool,
    scope: Option<Scope>,
    pub(super) request_limit: usize,
    pub(super) response_limit: usize,
}

impl Rules {
    pub(super) fn covers(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    /// Whose key it is.
    pub(super) fn scope(&self, request: &Parts) -> Option<Result<Encoded, KeyError>> {
        self.scope.as_ref().map(|scope| scope(request))
    }
}

impl IdempotencyLayer {
    /// A layer that keeps its responses under this name: for `POST` and `PATCH`, for 24 hours, and it refuses them
    /// without a key. Two layers of one name share their keys.
    #[track_caller]
    pub fn new(name: &'static str) -> Self {
        let params = Idempotent { key: "idempotency-key", wait: None, ..Idempotent::DEFAULT };
        let rules = Rules {
            methods: Arc::new([Method::POST, Method::PATCH]),
            required: true,
            scope: None,
            request_limit: REQUEST_LIMIT,
            response_limit: MOST_BYTES,
        };
        Self { name: Name::here(name), params, rules }
    }

    /// Whose key it is: the tenant, from what a layer further out has put into the extensions once it knew who asks. Two
    /// tenants may choose the same key, so **a server with several of them must say it**: without it, one can be given
    /// the response of another. `None` is refused with 400.
    #[must_use]
    pub fn scope<K: Key>(mut self, scope: impl Fn(&Parts) -> K + Send + Sync + 'static) -> Self {
        self.rules.scope = Some(Arc::new(move |request| Encoded::of(&scope(request))));
        self
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
        let Self { name, params, .. } = self;
        f.debug_struct("IdempotencyLayer")
            .field("name", &name.text)
            .field("params", params)
            .finish_non_exhaustive()
    }
}

impl<S> Layer<S> for IdempotencyLayer {
    type Service = Idempotency<S>;

    fn layer(&self, service: S) -> Idempotency<S> {
        Idempotency::new(self.ledger(), self.rules.clone(), service)
    }
}
