//! The payment gateway: real HTTP, a real book, and every bad habit of the plan.
//!
//! Like real ones it remembers keys: a request whose key it knows gets the first receipt and takes no money. A request
//! without a key is a new charge, because nothing says that it is not. All it knows is in the book, so a gateway
//! that is killed and started again knows it too.

use std::collections::HashMap;
use std::future;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::book::{Book, Outcome};
use crate::history::History;
use crate::http::IDEMPOTENCY_KEY;
use crate::order::{Order, Receipt};
use crate::plan::{Fate, Plan, SLOWEST};
use crate::process::parent_left;

type Reply = Response<Full<Bytes>>;

/// Serves on a free port, which is the one line of its standard output, until standard input ends: that is when its
/// parent wants no more of it, or has died.
pub(crate) async fn run(plan: Plan, book: &Path) -> io::Result<()> {
    // An interrupt from the terminal reaches this process too, and is the parent's to answer.
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    let mut parent_left = parent_left();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (book, history) = tokio::select! {
        opened = Book::open(book) => opened?,
        _ = &mut parent_left => return Ok(()),
    };
    let memory = Mutex::new(Memory::new(book, history));
    let gateway = Arc::new(Gateway { plan, started: Instant::now(), memory });
    println!("{}", listener.local_addr()?.port());

    tokio::select! {
        failed = gateway.accept(listener) => return failed,
        _ = parent_left => {}
    }
    // A charge that nobody waits for any more is still a charge: it belongs into the book. Whatever is under way holds
    // the gateway.
    let settled = async {
        while Arc::strong_count(&gateway) > 1 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    // What has not begun by then may be dropped.
    let _ = timeout(SLOWEST, settled).await;
    Ok(())
}

struct Gateway {
    plan: Plan,
    started: Instant,
    memory: Mutex<Memory>,
}

struct Memory {
    book: Book,
    /// How many requests each order has made.
    requests: HashMap<u64, u64>,
    /// What was answered to each key; locked by the request that is finding it out.
    receipts: HashMap<String, Known>,
}

type Known = Arc<tokio::sync::Mutex<Option<Receipt>>>;

impl Memory {
    fn new(book: Book, history: History) -> Self {
        let known = |(key, receipt)| (key, Arc::new(tokio::sync::Mutex::new(Some(receipt))));
        let receipts = history.receipts.into_iter().map(known).collect();
        Self { book, requests: history.requests, receipts }
    }
}

/// One charge as it was asked for, and what the plan says of it.
struct Charge {
    order: Order,
    key: Option<String>,
    fate: Fate,
    takes: Duration,
}

impl Gateway {
    async fn accept(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(self.clone().serve(stream));
        }
    }

    /// Serves one connection, or as much of it as the next outage allows; while one is under way, that is nothing.
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let outage = self.plan.outage(self.started.elapsed());
        let dies = async {
            match outage {
                Some(outage) => sleep_until(self.started + outage.start).await,
                None => future::pending().await,
            }
        };
        let requests = service_fn(|request| self.clone().answer(request));
        tokio::select! {
            biased;
            () = dies => {}
            // It ends in an error when a fate says so; nobody is left to tell.
            _ = http1::Builder::new().serve_connection(TokioIo::new(stream), requests) => {}
        }
    }

    /// An error here breaks the connection.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> io::Result<Reply> {
        let key = request.headers().get(IDEMPOTENCY_KEY);
        let key = key.map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        let body = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        let Ok(order) = serde_json::from_slice::<Order>(&body) else {
            return Ok(reply(StatusCode::BAD_REQUEST, "not an order"));
        };
        // Nothing else has a place in a column of the book.
        if key.as_ref().is_some_and(|key| !key.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return Ok(reply(StatusCode::BAD_REQUEST, "not a key"));
        }

        let (fate, takes) = self.plan.request(order.id, self.nth_request(order.id));
        let charge = Charge { order, key, fate, takes };
        if let Fate::Unavailable | Fate::HungBeforeCharge = fate {
            self.write(|book| book.request(order, charge.key.as_deref(), fate, Outcome::Nothing))?;
            return match fate {
                Fate::Unavailable => Ok(reply(StatusCode::SERVICE_UNAVAILABLE, "try later")),
                _ => future::pending().await,
            };
        }

        // A task of its own: a client that hangs up does not take its charge back.
        let receipt = tokio::spawn(self.charge(charge)).await.map_err(io::Error::other)??;
        match fate {
            Fate::ReplyLost => Err(io::ErrorKind::ConnectionAborted.into()),
            Fate::HungAfterCharge => future::pending().await,
            _ => Ok(reply(StatusCode::OK, serde_json::to_vec(&receipt)?)),
        }
    }

    async fn charge(self: Arc<Self>, Charge { order, key, fate, takes }: Charge) -> io::Result<Receipt> {
        let key = key.as_deref();
        let known = key.map_or_else(Arc::default, |key| self.receipt_of(key));
        // The second with a key waits here until the first is through.
        let mut known = known.lock().await;
        if let Some(receipt) = &*known {
            self.write(|book| book.request(order, key, fate, Outcome::Repeated))?;
            return Ok(receipt.clone());
        }
        sleep(takes).await;
        let receipt = self.write(|book| book.charge(order, key, fate))?;
        *known = Some(receipt.clone());
        Ok(receipt)
    }

    fn nth_request(&self, order: u64) -> u64 {
        let mut memory = self.memory();
        let requests = memory.requests.entry(order).or_default();
        *requests += 1;
        *requests
    }

    fn receipt_of(&self, key: &str) -> Known {
        self.memory().receipts.entry(key.to_owned()).or_default().clone()
    }

    fn write<T>(&self, rows: impl FnOnce(&mut Book) -> io::Result<T>) -> io::Result<T> {
        rows(&mut self.memory().book)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().expect("nothing panics while it holds the memory")
    }
}

fn reply(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply
}
