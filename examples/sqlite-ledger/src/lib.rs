//! A ledger of one's own, written outside of `resilience`: results in an SQLite file, which several processes of one
//! machine may share.
//!
//! ```
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let ledger = sqlite_ledger::SqliteLedger::open("ledger.sqlite")?;
//! resilience::Runtime::builder().ledger(ledger).build().install()?;
//! # Ok(())
//! # }
//! ```
//!
//! The shape is worth copying: a pure `Row` that decides, SQL that loads and saves it, and this file, which does one after
//! the other in one transaction. `tests/conformance.rs` holds it to the suite of the library.

mod row;
mod table;

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use resilience::IdempotencyKey;
use resilience::ledger::{Body, Claimed, Entry, Hold, Ledger, LedgerError, Reply, Request, Stored, Written};
use tokio::task::JoinSet;

use row::{Asked, Change, Row};
use table::Table;

/// The first pause between two looks of one who waits, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Results in an SQLite file.
pub struct SqliteLedger {
    table: Arc<Mutex<Table>>,
    /// What nobody waits for.
    background: Mutex<JoinSet<()>>,
}

type Answer<T> = Result<T, LedgerError>;

impl SqliteLedger {
    /// Opens the file, or makes it.
    pub fn open(path: impl AsRef<Path>) -> Answer<Self> {
        let table = Arc::new(Mutex::new(Table::open(path.as_ref())?));
        Ok(Self { table, background: Mutex::default() })
    }

    /// SQLite blocks, so it does not run on a task. What has begun goes on where the caller leaves: it is one
    /// transaction.
    fn run<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Table) -> Answer<T> + Send + 'static,
    ) -> Reply<'static, T> {
        let table = Arc::clone(&self.table);
        Reply::later(async {
            let done = tokio::task::spawn_blocking(move || {
                act(&mut table.lock().unwrap_or_else(PoisonError::into_inner))
            });
            done.await.unwrap_or_else(|stopped| Err(LedgerError::new(stopped.to_string())))
        })
    }

    /// Without a runtime the process ends, and the lease does the rest.
    fn later<T: Send + 'static>(&self, reply: Reply<'static, T>) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
            while background.try_join_next().is_some() {}
            background.spawn_on(async { drop(reply.await) }, &runtime);
        }
    }

    fn write(&self, hold: Hold, change: Change) -> Reply<'static, Written> {
        self.run(move |table| {
            table.change(hold.key, |row, now| match row {
                Some(row) => row.write(hold, change, now),
                None => Written::LeaseLost,
            })
        })
    }
}

impl Ledger for SqliteLedger {
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed> {
        let asked = Asked::of(request);
        self.run(move |table| table.claim(asked))
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        self.write(hold, Change::Renew { lease })
    }

    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written> {
        self.write(hold, Change::Complete { result, ttl })
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        self.write(hold, Change::Release)
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        self.later(self.write(hold, if may_have_run { Change::Doubt } else { Change::Release }));
    }

    fn withdraw(&self, key: IdempotencyKey, owner: u128) {
        self.later(self.run(move |table| {
            table.change(key, |row, now| {
                if let Some(row) = row {
                    let hold = Hold { key, owner, fence: row.fence };
                    row.write(hold, Change::Release, now);
                }
            })
        }));
    }

    fn drain(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(poll_fn(|cx| {
            let mut background = self.background.lock().unwrap_or_else(PoisonError::into_inner);
            while ready!(background.poll_join_next(cx)).is_some() {}
            Poll::Ready(())
        }))
    }

    fn ended(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> Pin<Box<dyn Future<Output = Option<Stored>> + Send + '_>> {
        Box::pin(async move {
            let mut pause = FIRST_PAUSE;
            loop {
                tokio::time::sleep(pause).await;
                match self.run(move |table| table.look(key, fence)).await {
                    Ok((false, result)) => return result,
                    // The caller knows how long to ask.
                    Ok((true, _)) | Err(_) => pause = (pause * 2).min(LONGEST_PAUSE),
                }
            }
        })
    }

    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>> {
        self.run(move |table| table.entries(most, Row::is_in_doubt))
    }

    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>> {
        let (text, below) = (text.to_owned(), format!("/{text}"));
        self.run(move |table| table.entries(most, |row, _| row.text == text || row.text.ends_with(&below)))
    }

    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>> {
        self.run(move |table| table.change(key, |row, now| row.as_ref().map(|row| row.entry(now))))
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        self.run(move |table| {
            table.change(key, |row, now| {
                let idle = row.as_ref().is_some_and(|row| row.fence == fence && !row.is_running(now));
                if idle {
                    *row = None;
                }
                idle
            })
        })
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        self.run(move |table| {
            table.change(key, |row, now| match row {
                Some(row) if row.fence == fence && row.is_in_doubt(now) => {
                    row.resolve(body, now);
                    true
                }
                _ => false,
            })
        })
    }
}
