//! A ledger on a server: what PostgreSQL and Redis have in common. Writes that nobody waits for happen in the background;
//! the callers of one process share what it knows.

mod asks;
#[cfg(test)]
pub(crate) mod crowd;
mod flights;
mod store;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::{Body, Claimed, Entry, Hold, Ledger, LedgerError, Reply, Request, Stored, Written};
use crate::background::Background;
use crate::key::IdempotencyKey;
use crate::quota::{Draw, Drawn, Quotas};
use crate::time::{self, Tick};
use asks::Asks;
use flights::Flights;
pub(crate) use store::{Answer, Seen, Store};

/// How often a write of the background is tried, and the pause after the first failure; it doubles.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Remote<S> {
    line: Arc<Line<S>>,
    asks: Asks,
    background: Background,
}

/// The server, and what is known here of its claims.
struct Line<S> {
    store: S,
    flights: Flights,
    /// An answer that takes longer is as good as none.
    timeout: Duration,
    /// The store sees to that itself: another timer would be for nothing.
    is_punctual: bool,
}

impl<S: Store> Remote<S> {
    /// Within a tokio runtime, which does what happens in the background.
    #[cfg(any(test, feature = "postgres"))]
    pub(crate) fn new(store: S, timeout: Duration) -> Self {
        Self::of(store, timeout, false)
    }

    /// Over a store whose answers take no longer than `timeout` anyway.
    #[cfg(feature = "redis")]
    pub(crate) fn punctual(store: S, timeout: Duration) -> Self {
        Self::of(store, timeout, true)
    }

    fn of(store: S, timeout: Duration, is_punctual: bool) -> Self {
        let line = Line { store, flights: Flights::default(), timeout, is_punctual };
        Self {
            line: Arc::new(line),
            asks: Asks::default(),
            background: Background::default(),
        }
    }

    /// The end of a claim as its owner says it.
    fn write(
        &self,
        hold: Hold,
        result: Option<Stored>,
        ttl: Duration,
    ) -> impl Future<Output = Answer<Written>> + Send {
        let line = &*self.line;
        async move {
            let written = match &result {
                Some(result) => line.answer(line.store.complete(hold, result, ttl)).await?,
                None => line.answer(line.store.release(hold)).await?,
            };
            line.flights.end(hold, result.as_ref().filter(|_| written == Written::Yes));
            Ok(written)
        }
    }
}

impl<S: Store> Line<S> {
    async fn answer<T>(&self, answer: impl Future<Output = Answer<T>>) -> Answer<T> {
        if self.is_punctual {
            return answer.await;
        }
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(LedgerError(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn claim(&self, request: &Request<'_>) -> Answer<Claimed> {
        let asked = Tick::now();
        let answer = self.answer(self.store.claim(request)).await;
        if let Ok(Claimed::Granted { fence }) = answer {
            self.flights.begin(request, fence, asked);
        }
        answer
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Answer<Written> {
        let asked = Tick::now();
        let written = self.answer(self.store.renew(hold, lease)).await?;
        match written {
            Written::Yes => self.flights.renewed(hold, asked, lease),
            Written::LeaseLost => self.flights.end(hold, None),
        }
        Ok(written)
    }

    /// Goes on until the server has heard of it. What it never hears of ends with the lease.
    async fn abandon(&self, hold: Hold, may_have_run: bool) {
        let mut pause = FIRST_PAUSE;
        for _ in 0..TRIES {
            if self.answer(self.store.abandon(hold, may_have_run)).await.is_ok() {
                break;
            }
            time::pause(pause).await;
            pause *= 2;
        }
        self.flights.end(hold, None);
    }

    /// The claim may still be on its way when the first word arrives. By the second one it is not.
    async fn withdraw(&self, key: IdempotencyKey, owner: u128) {
        for pause in [self.timeout, Duration::ZERO] {
            let _ = self.answer(self.store.withdraw(key, owner)).await;
            time::pause(pause).await;
        }
    }

    async fn look(&self, key: IdempotencyKey, fence: u64) -> Seen {
        // A server that does not answer is asked again; how long, the caller knows.
        self.answer(self.store.look(key, fence)).await.unwrap_or(Seen::Running)
    }
}

impl<S: Store> Ledger for Remote<S> {
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed> {
        match self.line.flights.answer(request) {
            Some(answer) => Reply::now(Ok(answer)),
            None => Reply::later(self.asks.share(request, self.line.claim(request))),
        }
    }

    fn withdraw(&self, key: IdempotencyKey, owner: u128) {
        let line = Arc::clone(&self.line);
        self.background.spawn(async move { line.withdraw(key, owner).await });
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        Reply::later(self.line.renew(hold, lease))
    }

    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written> {
        Reply::later(self.write(hold, Some(result), ttl))
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        Reply::later(self.write(hold, None, Duration::ZERO))
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        let line = Arc::clone(&self.line);
        self.background.spawn(async move { line.abandon(hold, may_have_run).await });
    }

    fn drain(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.background.idle())
    }

    fn ended(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> Pin<Box<dyn Future<Output = Option<Stored>> + Send + '_>> {
        let line = &*self.line;
        Box::pin(line.flights.ended(key, fence, move || line.look(key, fence)))
    }

    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>> {
        Reply::later(self.line.store.in_doubt(most))
    }

    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>> {
        let text = text.to_owned();
        Reply::later(async move { self.line.store.find(&text, most).await })
    }

    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>> {
        Reply::later(self.line.store.inspect(key))
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        Reply::later(self.line.store.forget(key, fence))
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        Reply::later(self.line.store.resolve(key, fence, body))
    }
}

impl<S: Store> Quotas for Remote<S> {
    fn draw(&self, draw: Draw) -> Reply<'_, Drawn> {
        Reply::later(self.line.answer(self.line.store.draw(draw)))
    }
}
