//! One process of the shop: the annotated function behind a door of its own.

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use resilience::Runtime;
use tokio::net::TcpListener;

use crate::args::Worker;
use crate::front::Here;
use crate::order::Order;
use crate::process::parent_left;
use crate::seen::Seen;
use crate::shop::Shop;

/// Where orders are submitted, and where the counts are.
pub(crate) const ORDERS: &str = "/orders";
pub(crate) const SEEN: &str = "/seen";

struct Door {
    here: Here,
    seen: Arc<Seen>,
}

/// Serves on a free port until its parent leaves.
pub(crate) async fn run(worker: Worker) -> io::Result<()> {
    // An interrupt from the terminal reaches this process too, and is the parent's to answer.
    tokio::spawn(async { while tokio::signal::ctrl_c().await.is_ok() {} });
    let parent_left = parent_left();
    if !worker.unprotected {
        let runtime = Runtime::from_env().await.map_err(io::Error::other)?;
        runtime.install().map_err(io::Error::other)?;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?.port());
    let shop = Shop { gateway: (Ipv4Addr::LOCALHOST, worker.gateway).into(), run: worker.run };
    let here = Here { shop, unprotected: worker.unprotected };
    let door = Arc::new(Door { here, seen: Seen::start() });
    tokio::select! {
        failed = door.open(listener) => failed,
        _ = parent_left => Ok(()),
    }
}

impl Door {
    async fn open(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            let door = self.clone();
            tokio::spawn(async move {
                let requests = service_fn(|request| door.answer(request));
                // A customer who hangs up takes his call with him: the shop drops it, and the ledger knows.
                http1::Builder::new().serve_connection(TokioIo::new(stream), requests).await
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (status, body) = match request.uri().path() {
            SEEN => (StatusCode::OK, serde_json::to_vec(&self.seen.counts()).unwrap_or_default()),
            ORDERS => self.order(request).await,
            _ => (StatusCode::NOT_FOUND, Vec::new()),
        };
        let mut reply = Response::new(Full::from(body));
        *reply.status_mut() = status;
        Ok(reply)
    }

    async fn order(&self, request: Request<Incoming>) -> (StatusCode, Vec<u8>) {
        let order = match request.into_body().collect().await {
            Ok(body) => serde_json::from_slice::<Order>(&body.to_bytes()),
            Err(_) => return (StatusCode::BAD_REQUEST, Vec::new()),
        };
        let Ok(order) = order else { return (StatusCode::BAD_REQUEST, b"not an order".to_vec()) };
        match self.here.submit(&order).await {
            Ok(receipt) => (StatusCode::OK, serde_json::to_vec(&receipt).unwrap_or_default()),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, error.to_string().into_bytes()),
        }
    }
}
