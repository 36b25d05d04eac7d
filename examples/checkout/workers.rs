//! The shop as several processes over one ledger, with the customers spread over them.

use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use tokio::task::JoinSet;

use crate::args::{Options, WORKER};
use crate::http;
use crate::order::Order;
use crate::process::Process;
use crate::seen::Counts;
use crate::worker::{ORDERS, SEEN};

pub(crate) struct Workers {
    args: [String; 4],
    backend: Option<String>,
    doors: Vec<Mutex<SocketAddr>>,
    turn: AtomicUsize,
}

impl Workers {
    /// Starts them all, and then keeps them: one that dies is started again. The set ends only with an error.
    pub(crate) async fn start(
        options: &Options,
        gateway: SocketAddr,
        run: &str,
    ) -> io::Result<(Arc<Self>, JoinSet<io::Error>)> {
        let mode = if options.unprotected { "unprotected" } else { "protected" };
        let args = [WORKER, &gateway.port().to_string(), run, mode].map(str::to_owned);
        let mut workers =
            Self { args, backend: options.backend.clone(), doors: Vec::new(), turn: AtomicUsize::new(0) };
        let mut processes = Vec::new();
        for _ in 0..options.workers {
            let process = workers.process().await?;
            workers.doors.push(Mutex::new(process.address));
            processes.push(process);
        }
        let workers = Arc::new(workers);
        let mut kept = JoinSet::new();
        for (number, process) in processes.into_iter().enumerate() {
            kept.spawn(workers.clone().keep(number, process));
        }
        Ok((workers, kept))
    }

    async fn process(&self) -> io::Result<Process> {
        let args: Vec<&OsStr> = self.args.iter().map(OsStr::new).collect();
        let backend = self.backend.as_deref().map(|url| ("RESILIENCE_BACKEND", url));
        let started = Process::start(&args, backend).await;
        started.map_err(|error| io::Error::new(error.kind(), format!("a worker: {error}")))
    }

    async fn keep(self: Arc<Self>, number: usize, mut process: Process) -> io::Error {
        loop {
            match process.died().await {
                Ok(status) => {
                    eprintln!("checkout: worker {} died ({status}); another one starts", number + 1);
                }
                Err(error) => return error,
            }
            process = match self.process().await {
                Ok(process) => process,
                Err(error) => return error,
            };
            *self.doors[number].lock().unwrap_or_else(PoisonError::into_inner) = process.address;
        }
    }

    fn door(&self, number: usize) -> SocketAddr {
        *self.doors[number].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each submission goes to the next worker: two of one order meet only in the ledger.
    pub(crate) async fn submit(&self, order: &Order) -> io::Result<()> {
        let door = self.door(self.turn.fetch_add(1, Relaxed) % self.doors.len());
        let reply = http::post(http::connect(door).await?, ORDERS, None, order).await?;
        match reply.status() {
            StatusCode::OK => Ok(()),
            other => Err(io::Error::other(other.to_string())),
        }
    }

    /// Of those that live: one that has died has taken its counts along.
    pub(crate) async fn counts(&self) -> Counts {
        let mut all = Counts::default();
        for number in 0..self.doors.len() {
            let counts = async {
                let reply = http::post(http::connect(self.door(number)).await?, SEEN, None, &()).await?;
                serde_json::from_slice::<Counts>(reply.body()).map_err(io::Error::other)
            };
            all += counts.await.unwrap_or_default();
        }
        all
    }
}
