//! The flow of one request.

use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::{IntoResponse, Response};
use bytes::Bytes;
use tower_service::Service;
use tracing::Instrument;

use super::answer::{self, Answer, Unkept};
use super::layer::Rules;
use super::{patience, problem, request};
use crate::call::enter;
use crate::edge::{Edge, edge};
use crate::event::reject;
use crate::idempotent::{Codec, Entry, Names, SiteLedger, codec};
use crate::key::Encoded;
use crate::propagation::{Protocol, Received, RetryAdvice};
use crate::{Kind, runtime, spawn, time};

/// The service that [`IdempotencyLayer`](super::IdempotencyLayer) makes of another one.
#[derive(Clone)]
pub struct Idempotency<S> {
    ledger: &'static SiteLedger,
    rules: Rules,
    service: S,
}

impl<S> Idempotency<S> {
    pub(super) fn new(ledger: &'static SiteLedger, rules: Rules, service: S) -> Self {
        Self { ledger, rules, service }
    }
}

impl<S> std::fmt::Debug for Idempotency<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idempotency").finish_non_exhaustive()
    }
}

type Answering<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S> Service<Request> for Idempotency<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answering<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The one that is ready goes, and its clone stays.
        let another = self.service.clone();
        let service = std::mem::replace(&mut self.service, another);
        Box::pin(handle(self.ledger, self.rules.clone(), service, request))
    }
}

async fn handle<S>(
    ledger: &'static SiteLedger,
    rules: Rules,
    mut service: S,
    request: Request,
) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response> + Send + 'static,
    S::Future: Send,
    S::Error: Send + 'static,
{
    let received = match Protocol::Http.extract(request.headers()) {
        Ok(received) => received,
        Err(error) => return Ok(error.into_response()),
    };
    let covered = rules.covers(request.method());
    let Some(key) = received.idempotency_key().filter(|_| covered) else {
        if covered && rules.required {
            return Ok(problem::missing_key().into_response());
        }
        let (result, advice) = received.run(async { service.call(request).await }).await;
        return result.map(|response| advised(response, advice));
    };
    let (head, body) = request.into_parts();
    let scope = match rules.scope.of(&head) {
        Ok(scope) => scope,
        Err(why) => return Ok(problem::without_scope(ledger.site(), why)),
    };
    let body = match read(ledger, &rules, &received, body).await {
        Ok(body) => body,
        Err(response) => return Ok(response),
    };
    let names = Names {
        key: Encoded::of(key),
        scope: scope.map(Ok),
        fingerprint: Some(Ok(request::fingerprint(&head, &body))),
    };
    let operation = once(ledger, names, rules, service, request::whole(head, body));
    let running = runtime::in_use().background.begin();
    let operation = async move {
        let _running = running;
        operation.await
    };
    // From here on it does not matter whether the client is still there.
    match spawn(received.run(operation).in_current_span()).await {
        Ok((result, advice)) => result.map(|response| advised(response, advice)),
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => Ok(problem::shutting_down().into_response()),
        },
    }
}

/// The body of a request that comes in time: within that of the layer, and as long as the client waits.
async fn read(
    ledger: &SiteLedger,
    rules: &Rules,
    received: &Received,
    body: Body,
) -> Result<Bytes, Response> {
    let deadline = received.deadline();
    let until = || {
        let latest = patience::after(rules.request_time);
        deadline.map_or(latest, |deadline| deadline.min(latest))
    };
    match patience::within(until, request::read(body, rules.request_limit)).await {
        Some(read) => read.map_err(IntoResponse::into_response),
        None if deadline.is_some_and(|deadline| deadline <= time::now()) => {
            Err(reject(Kind::DeadlineExceeded, ledger.site()).into_response())
        }
        None => Err(problem::too_slow().into_response()),
    }
}

/// Runs the service, unless the ledger knows better: what `#[idempotent]` makes of a function.
async fn once<S>(
    ledger: &'static SiteLedger,
    names: Names,
    rules: Rules,
    mut service: S,
    request: Request,
) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response> + Send,
    S::Future: Send,
    S::Error: Send,
{
    let edge: Edge<Result<Answer, Unkept<S::Error>>> = edge::<Result<Answer, Unkept<S::Error>>>();
    let codec: Codec<Result<Answer, Unkept<S::Error>>> = codec();
    let call = pin!(async {
        let mut claim = {
            let question = ledger.ask(&names, || "");
            match question.answer().await {
                Entry::Run(claim) => claim,
                Entry::Known(record) => return ledger.replay(&record, &codec).map(Answer::replayed),
                Entry::Rejected(rejection) => return Err(rejection.into()),
            }
        };
        let (limit, time) = (rules.response_limit, rules.response_time);
        let operation =
            pin!(edge.attempt_later(async { answer::of(service.call(request).await, limit, time).await }));
        let outcome = claim.keep(operation).await;
        claim.settle(outcome, &edge, &codec).await
    });
    match edge.leave(enter(call).await) {
        Ok(answer) => Ok(answer.into_response()),
        Err(unkept) => unkept.into_result(),
    }
}

/// A failure says whether to repeat.
fn advised(mut response: Response, advice: RetryAdvice) -> Response {
    if response.status().is_client_error() || response.status().is_server_error() {
        advice.inject(response.headers_mut());
    }
    response
}
