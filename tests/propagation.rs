//! A call over a real connection: what arrives, and what comes back. Time is real here, and nothing depends on it.
#![cfg(feature = "http")]
#![allow(missing_docs)]

mod support;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{client, server};
use hyper_util::rt::TokioIo;
use resilience::propagation::Protocol::{self, Grpc, Http};
use resilience::propagation::Received;
use resilience::{Failure, Runtime, context, idempotent, retry, spawn, timeout};
use support::{Good, Permanent, Reply, Service, Transient, events};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

#[derive(Debug, PartialEq, thiserror::Error, Failure)]
enum Fault {
    #[error("the server answered {0}")]
    #[failure(transient)]
    Status(u16),
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

/// A server, which asks the next one or does the work itself.
struct Server {
    protocol: Protocol,
    next: Option<SocketAddr>,
    service: Arc<Service>,
    seen: Mutex<Vec<Received>>,
}

impl Server {
    /// Listens on a port of its own until the test is over.
    async fn start(
        protocol: Protocol,
        next: Option<SocketAddr>,
        service: &Arc<Service>,
    ) -> (Arc<Self>, SocketAddr) {
        let server = Arc::new(Self { protocol, next, service: Arc::clone(service), seen: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let accepting = Arc::clone(&server);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = Arc::clone(&accepting);
                let handle = service_fn(move |request| Arc::clone(&server).handle(request));
                tokio::spawn(
                    server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), handle),
                );
            }
        });
        (server, address)
    }

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Empty<Bytes>>, Infallible> {
        let mut response = Response::new(Empty::new());
        let Ok(received) = self.protocol.extract(request.headers()) else {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return Ok(response);
        };
        self.seen.lock().expect("no panic").push(received.clone());
        let (status, advice) = received.run(self.work()).await;
        if !status.is_success() {
            advice.inject(response.headers_mut());
        }
        *response.status_mut() = status;
        Ok(response)
    }

    async fn work(&self) -> StatusCode {
        let done = match self.next {
            Some(next) => ask(self.protocol, next).await.is_ok(),
            None => in_a_task(Arc::clone(&self.service)).await.is_ok(),
        };
        if done { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}

/// The work, of a handler that spawns it.
async fn in_a_task(service: Arc<Service>) -> Reply {
    spawn(async move { work(&service).await }).await.expect("no panic")
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn work(service: &Service) -> Reply {
    service.call().await
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn ask(protocol: Protocol, server: SocketAddr) -> Result<(), Fault> {
    send(protocol, server).await
}

#[retry(attempts = 3, backoff = none, repeatable, nested = repeat)]
async fn insist(protocol: Protocol, server: SocketAddr) -> Result<(), Fault> {
    send(protocol, server).await
}

/// The client. It is annotated too: what the callers repeat counts all the same.
#[timeout(secs = 60)]
async fn send(protocol: Protocol, server: SocketAddr) -> Result<(), Fault> {
    let mut request = Request::new(Empty::<Bytes>::new());
    protocol.inject(request.headers_mut());
    let stream = TcpStream::connect(server).await.expect("it listens");
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    let exchange = async move { sender.send_request(request).await.expect("an answer") };
    let (response, _closed) = tokio::join!(exchange, connection);
    if response.status().is_success() {
        return Ok(());
    }
    protocol.heed(response.headers());
    Err(Fault::Status(response.status().as_u16()))
}

const UNAVAILABLE: Result<(), Fault> = Err(Fault::Status(503));

#[tokio::test]
async fn retries_over_the_network_do_not_multiply() {
    for protocol in [Http, Grpc] {
        let service = Arc::new(Service::new([Transient]));
        let (back, address) = Server::start(protocol, None, &service).await;
        let (front, entrance) = Server::start(protocol, Some(address), &service).await;
        events::record();
        assert_eq!(ask(protocol, entrance).await, UNAVAILABLE);
        assert_eq!(service.executions(), 3);
        assert_eq!(
            events::stopped(),
            ["work", "ask because of a callee over the network", "ask because of a callee over the network"]
        );
        assert_eq!(insist(protocol, entrance).await, UNAVAILABLE);
        assert_eq!(service.executions(), 3 + 9, "the one in the middle still does not");

        // Who gets through in the end leaves no mark.
        service.now([Transient, Transient, Good]);
        assert_eq!(ask(protocol, entrance).await, Ok(()));
        assert_eq!((front.seen.lock().expect("fine").len(), back.seen.lock().expect("fine").len()), (5, 5));
    }
}

#[tokio::test]
async fn a_callee_that_has_not_repeated_is_asked_again() {
    for protocol in [Http, Grpc] {
        let service = Arc::new(Service::new([Permanent]));
        let (server, address) = Server::start(protocol, None, &service).await;
        assert_eq!(ask(protocol, address).await, UNAVAILABLE);
        let attempts: Vec<_> = server.seen.lock().expect("fine").iter().map(Received::attempt).collect();
        assert_eq!(attempts, [None, Some(2), Some(3)]);
    }
}

#[tokio::test]
async fn key_and_deadline_arrive() {
    #[idempotent(key = order)]
    #[timeout(secs = 30)]
    async fn charge(order: u64, server: SocketAddr) -> Result<String, Fault> {
        send(Http, server).await?;
        Ok(context::idempotency_key().expect("it has one").to_string())
    }
    let (server, address) = Server::start(Http, None, &Arc::new(Service::new([Good]))).await;
    let start = Instant::now();
    let key = Runtime::builder().memory().build().scope(charge(7, address)).await.expect("charged");
    let seen = server.seen.lock().expect("fine");
    assert_eq!(seen[0].idempotency_key(), Some(&*key));
    // The journey is not in it, and a millisecond is lost at most.
    let left = seen[0].deadline().expect("a deadline") - start;
    let most = Duration::from_secs(30) + start.elapsed();
    assert!(left > Duration::from_millis(29_998) && left <= most, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handler_runs_under_the_deadline_of_the_client() {
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-timeout"),
        "250m".parse().expect("ASCII"),
    )]);
    let received = Grpc.extract(&headers).expect("a good request");
    let left = || context::deadline().map(|at| at.duration_since(Instant::now()).as_millis());
    support::pass(50).await;
    let handler = async {
        #[timeout(secs = 9)]
        async fn work() -> Result<(), resilience::Error> {
            std::future::pending().await
        }
        let before = left();
        (before, work().await.map_err(|error| error.kind()))
    };
    let (seen, _) = received.run(handler).await;
    assert_eq!(seen, (Some(200), Err(resilience::Kind::DeadlineExceeded)));
    assert_eq!(left(), None);
    // A deadline around that is nearer stays.
    let near = Instant::now() + Duration::from_millis(10);
    let later = Grpc.extract(&headers).expect("a good request");
    let (seen, _) = context::with_deadline(near, later.run(async { left() })).await;
    assert_eq!(seen, Some(10));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_has_passed_is_written_as_none_left() {
    let mut headers = HeaderMap::new();
    context::with_deadline(Instant::now(), async { Grpc.inject(&mut headers) }).await;
    assert_eq!(headers["grpc-timeout"], "0n");
    assert!(Grpc.extract(&headers).is_err());
    let mut headers = HeaderMap::new();
    Http.inject(&mut headers);
    assert!(headers.is_empty(), "outside of a call there is nothing to say");
}

/// A value can be a failure too.
#[tokio::test(start_paused = true)]
async fn a_failing_response_that_is_a_value_counts() {
    #[retry(attempts = 3, backoff = none, repeatable, when_ok = |status: &u16| *status == 503)]
    async fn outer(sent: &std::cell::Cell<u32>) -> Result<u16, Fault> {
        pass_on(sent).await
    }
    #[timeout(secs = 1)]
    async fn pass_on(sent: &std::cell::Cell<u32>) -> Result<u16, Fault> {
        sent.set(sent.get() + 1);
        Http.heed(&HeaderMap::from_iter([(
            http::HeaderName::from_static("x-should-retry"),
            http::HeaderValue::from_static("false"),
        )]));
        Ok(503)
    }
    let sent = std::cell::Cell::new(0);
    assert_eq!((outer(&sent).await, sent.get()), (Ok(503), 1));
}
