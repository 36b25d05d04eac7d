//! A ledger on a server: what PostgreSQL and Redis have in common.
//!
//! Whatever is sent is sent by a task of the background, and callers wait for its answer: one that leaves, or is never
//! polled again, holds neither a connection nor anybody else. The callers of one process share what it knows.

mod claims;
#[cfg(test)]
pub(crate) mod crowd;
mod farewells;
mod flights;
#[cfg(test)]
pub(crate) mod standstill;
mod store;
#[cfg(test)]
mod tests;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Body, Claimed, Entry, Hold, Ledger, LedgerError, Reply, Request, Stored, Written};
use crate::background::{self, Background};
use crate::backoff::Backoff;
use crate::event::{Decision, Event, emit};
use crate::key::IdempotencyKey;
use crate::quota::{Draw, Drawn, Quotas};
use crate::time::{self, Tick};
use claims::{Claims, InFlight, Joined, Withdrawn};
use farewells::{Farewells, Pace, Told};
use flights::{Flights, Look};
pub(crate) use store::{Answer, Claim, Farewell, Seen, Store};

/// Between two looks at a claim of another process.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long operators wait: what they ask may read every record.
const CHORE: Duration = Duration::from_mins(1);

pub(crate) struct Remote<S> {
    client: Arc<Client<S>>,
}

/// The server, and what is known here of its claims. Its tasks share it.
struct Client<S> {
    store: S,
    claims: Claims,
    flights: Arc<Flights>,
    farewells: Farewells,
    background: Background,
    /// An answer that takes longer is as good as none.
    timeout: Duration,
    /// The ledger is still there.
    is_open: AtomicBool,
}

impl<S: Store> Remote<S> {
    pub(crate) fn new(store: S, timeout: Duration) -> Self {
        let client = Client {
            store,
            claims: Claims::default(),
            flights: Arc::default(),
            farewells: Farewells::default(),
            background: Background::default(),
            timeout,
            is_open: AtomicBool::new(true),
        };
        Self { client: Arc::new(client) }
    }

    /// The answer to what a task asks. The task goes on where nobody waits for it any more.
    fn ask<T, F>(&self, ask: impl FnOnce(Arc<Client<S>>) -> F + Send + 'static) -> Reply<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Answer<T>> + Send + 'static,
    {
        Reply::later(async move {
            let asked = background::spawn(ask(Arc::clone(&self.client))).await;
            asked.unwrap_or_else(|ended| {
                Err(LedgerError::lasting(format!("the task that asked has ended: {ended}")))
            })
        })
    }
}

impl<S> Drop for Remote<S> {
    fn drop(&mut self) {
        self.client.is_open.store(false, Ordering::Relaxed);
    }
}

impl<S: Store> Client<S> {
    async fn answer<T>(&self, answer: impl Future<Output = Answer<T>>) -> Answer<T> {
        within(self.timeout, answer).await
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

    /// The end of a claim as its owner says it.
    async fn write(&self, hold: Hold, result: Option<Stored>, ttl: Duration) -> Answer<Written> {
        let written = match &result {
            Some(result) => self.answer(self.store.complete(hold, result, ttl)).await?,
            None => self.answer(self.store.release(hold)).await?,
        };
        self.flights.end(hold, result.as_ref().filter(|_| written == Written::Yes));
        Ok(written)
    }

    /// The server is to hear of the end of these claims, as soon as it can.
    fn part(self: &Arc<Self>, told: impl IntoIterator<Item = Told>) {
        let news = self.farewells.push(told);
        self.forget(&news.lost);
        if news.warns {
            emit(&Event { site: "", decision: Decision::ClaimsLeft });
        }
        if news.is_first {
            let client = Arc::clone(self);
            self.background.spawn(async move { client.part_all().await });
        }
    }

    /// Goes on until the server has heard of all of them, or the ledger is closed and the server away.
    async fn part_all(self: Arc<Self>) {
        let mut telling = Telling { farewells: &self.farewells, is_done: false };
        let mut pace = Pace::new();
        while let Some(batch) = self.farewells.take(pace.batch()) {
            let farewells: Vec<_> = batch.iter().map(|told| told.farewell).collect();
            if self.answer(self.store.part(&farewells)).await.is_ok() {
                pace.heard();
                self.have_parted(&batch);
            } else {
                self.forget(&self.farewells.put_back(batch));
                if !self.is_open.load(Ordering::Relaxed) {
                    return;
                }
                time::pause(pace.failed()).await;
            }
        }
        telling.is_done = true;
    }

    /// The server has heard of these.
    fn have_parted(self: &Arc<Self>, batch: &[Told]) {
        self.forget(batch);
        let again: Vec<_> = batch.iter().filter(|told| told.twice).copied().collect();
        if !again.is_empty() {
            let client = Arc::clone(self);
            self.background.spawn(async move {
                // By then what was under way has come, or is lost.
                time::pause(client.timeout).await;
                client.part(again.into_iter().map(|told| Told { twice: false, ..told }));
            });
        }
    }

    /// Nobody here holds these claims any more.
    fn forget(&self, told: &[Told]) {
        for Told { farewell, .. } in told {
            self.flights.end_of(farewell.key(), farewell.owner());
        }
    }

    /// Looks until a claim has ended, in growing and scattered pauses, for all who wait for it.
    async fn look(self: Arc<Self>, look: Look) {
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        while look.is_wanted() {
            time::pause(pauses.next(&mut fastrand::Rng::new())).await;
            // A server that does not answer is asked again; how long, those who wait know.
            if let Ok(Seen::Ended(result)) = self.answer(self.store.look(look.key, look.fence)).await {
                return look.ended(result);
            }
        }
    }
}

/// A claim that is being sent. Dropped without an answer, as the task that sends it ends, its callers hear that there is
/// none.
struct Sender<S: Store> {
    client: Arc<Client<S>>,
    flight: Arc<InFlight>,
}

impl<S: Store> Sender<S> {
    async fn send(self) {
        let Self { client, flight } = &self;
        let (claim, asked) = (&flight.claim, Tick::now());
        let answer = client.answer(client.store.claim(claim)).await;
        // What the store says is about the last time that it was sent.
        let failed = if claim.may_have_been_sent() { LedgerError::lasting } else { LedgerError::unsent };
        let answer = answer.map_err(|error| failed(error.why));
        match answer {
            Ok(Claimed::Granted { fence }) => client.flights.begin(claim, fence, asked),
            Ok(Claimed::Running { fence, left }) => client.flights.sighted(claim, fence, left),
            _ => {}
        }
        self.tell(answer);
    }

    /// Tells all who wait. Who comes from here on asks anew.
    fn tell(&self, answer: Answer<Claimed>) {
        let Self { client, flight } = self;
        let claim = &flight.claim;
        let is_granted = matches!(answer, Ok(Claimed::Granted { .. }));
        let is_open = answer.is_err() && claim.may_have_been_sent();
        // The caller that it was sent for has left, and tells the server nothing.
        if client.claims.end(flight, answer) && (is_granted || is_open) {
            let farewell = Farewell::Withdraw { key: claim.key, owner: claim.owner };
            client.part([Told { farewell, twice: is_open }]);
        }
    }
}

impl<S: Store> Drop for Sender<S> {
    fn drop(&mut self) {
        self.tell(Err(LedgerError::new("the task that asked has ended")));
    }
}

async fn within<T>(limit: Duration, answer: impl Future<Output = Answer<T>>) -> Answer<T> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(LedgerError::lasting(format!("no answer within {limit:?}"))),
    }
}

/// Where the task that tells ends too early, the next farewell begins another one.
struct Telling<'a> {
    farewells: &'a Farewells,
    is_done: bool,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            self.farewells.stop();
        }
    }
}

impl<S: Store> Ledger for Remote<S> {
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed> {
        let client = &self.client;
        if let Some(answer) = client.flights.answer(request) {
            return Reply::now(Ok(answer));
        }
        Reply::later(async move {
            let caller = match client.claims.join(request) {
                Joined::First(caller) => {
                    let sender = Sender { client: Arc::clone(client), flight: caller.flight() };
                    client.background.spawn(sender.send());
                    caller
                }
                Joined::Shares(caller) => caller,
            };
            // The task that asks keeps to its limit. A timer here would be of a runtime that can end before its caller.
            caller.answer().await
        })
    }

    fn withdraw(&self, key: IdempotencyKey, owner: u128) {
        let client = &self.client;
        let twice = match client.claims.withdraw(key, owner) {
            Withdrawn::Open => true,
            // Granted, and nobody heard of it.
            Withdrawn::Unknown if client.flights.has_begun(key, owner) => false,
            Withdrawn::OnItsWay | Withdrawn::Unknown => return,
        };
        client.part([Told { farewell: Farewell::Withdraw { key, owner }, twice }]);
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        self.ask(move |client| async move { client.renew(hold, lease).await })
    }

    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written> {
        self.ask(move |client| async move { client.write(hold, Some(result), ttl).await })
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        self.ask(move |client| async move { client.write(hold, None, Duration::ZERO).await })
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        self.client.part([Told { farewell: Farewell::Abandon { hold, may_have_run }, twice: false }]);
    }

    fn drain(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.client.background.idle())
    }

    fn ended(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> Pin<Box<dyn Future<Output = Option<Stored>> + Send + '_>> {
        let client = &self.client;
        Box::pin(async move {
            let waiter = client.flights.join(key, fence)?;
            if let Some(look) = client.flights.look(key, fence) {
                background::spawn(Arc::clone(client).look(look));
            }
            waiter.ended().await
        })
    }

    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>> {
        self.ask(move |client| async move { within(CHORE, client.store.in_doubt(most)).await })
    }

    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>> {
        let text = text.to_owned();
        self.ask(move |client| async move { within(CHORE, client.store.find(&text, most)).await })
    }

    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>> {
        self.ask(move |client| async move { within(CHORE, client.store.inspect(key)).await })
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        self.ask(move |client| async move { within(CHORE, client.store.forget(key, fence)).await })
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        self.ask(move |client| async move { within(CHORE, client.store.resolve(key, fence, body)).await })
    }
}

impl<S: Store> Quotas for Remote<S> {
    fn draw(&self, draw: Draw) -> Reply<'_, Drawn> {
        self.ask(move |client| async move { client.answer(client.store.draw(draw)).await })
    }
}
