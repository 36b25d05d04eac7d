//! The customers. They are the same people in both modes, and they want their order.
//!
//! A customer who gets an error page, or none within `PATIENCE`, waits a little and submits the same order again. That
//! is what people do, and what an order queue does for them. So an order is lost only if `SUBMISSIONS` of them all fail:
//! nobody is called lost for having given up early, protected or not. Two customers of ten press the button twice.
//!
//! A run that goes on does not know whose answer came before it was stopped. It does what an order queue does with what
//! nobody acknowledged: every order that had been submitted is delivered again, at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep, timeout};

use crate::front::Front;
use crate::order::Order;
use crate::shared::dice::dice;

const ARRIVALS_PER_SECOND: u32 = 50;
/// Longer than the shop's own timeout, even for one who waited for a twin first.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many orders the queue delivers again at one time.
const REDELIVERIES: usize = 64;
const SUBMISSIONS: u64 = 20;
const PAUSE_MS: std::ops::Range<u64> = 500..1_500;

/// All the customers of one run.
pub(crate) struct Load {
    pub(crate) front: Front,
    pub(crate) seed: u64,
    pub(crate) orders: u64,
    /// The orders below this number had been submitted before this run.
    pub(crate) submitted: u64,
    /// How many have their final answer.
    pub(crate) done: AtomicU64,
}

/// How it went for one customer.
pub(crate) struct Visit {
    pub(crate) order: u64,
    /// Of the first submission, since the run began.
    pub(crate) arrived: Duration,
    /// From the first submission to the final answer.
    pub(crate) took: Duration,
    pub(crate) submissions: u64,
    pub(crate) has_receipt: bool,
}

impl Load {
    pub(crate) async fn run(self: Arc<Self>) -> Vec<Visit> {
        let start = Instant::now();
        let (mut visits, arrived) = tokio::join!(self.clone().redeliver(start), self.arrive(start));
        visits.extend(arrived);
        visits
    }

    async fn redeliver(self: Arc<Self>, start: Instant) -> Vec<Visit> {
        let turns = Arc::new(Semaphore::new(REDELIVERIES));
        let mut customers = JoinSet::new();
        for id in 0..self.submitted.min(self.orders) {
            let turn = turns.clone().acquire_owned().await;
            let customer = self.clone().customer(id, start);
            customers.spawn(async move {
                let _turn = turn;
                customer.await
            });
        }
        customers.join_all().await
    }

    /// Customers arrive at a steady rate, however badly those before them fare: a slow shop does not get a smaller load.
    async fn arrive(self: Arc<Self>, start: Instant) -> Vec<Visit> {
        let mut arrivals = interval(Duration::from_secs(1) / ARRIVALS_PER_SECOND);
        let mut customers = JoinSet::new();
        for id in self.submitted..self.orders {
            arrivals.tick().await;
            customers.spawn(self.clone().customer(id, start));
        }
        customers.join_all().await
    }

    async fn customer(self: Arc<Self>, id: u64, start: Instant) -> Visit {
        let order = Order::new(self.seed, id);
        let arrived = Instant::now();
        let mut submissions = 0;
        let receipt = loop {
            let receipt = if submissions == 0 && self.is_impatient(order.id) {
                let (one, other) = tokio::join!(self.submit(&order), self.submit(&order));
                // The first page with a receipt is the one that counts.
                one.into_iter().chain(other).min()
            } else {
                self.submit(&order).await
            };
            submissions += 1;
            if receipt.is_some() || submissions == SUBMISSIONS {
                break receipt;
            }
            sleep(self.pause(order.id, submissions)).await;
        };
        self.done.fetch_add(1, Relaxed);
        let answered = receipt.unwrap_or_else(Instant::now);
        Visit {
            order: id,
            arrived: arrived - start,
            took: answered - arrived,
            submissions,
            has_receipt: receipt.is_some(),
        }
    }

    /// One press of the button: when the receipt came, if it came.
    async fn submit(&self, order: &Order) -> Option<Instant> {
        let receipt = timeout(PATIENCE, self.front.submit(order)).await.ok()?;
        receipt.then(Instant::now)
    }

    /// Exactly two of every ten.
    fn is_impatient(&self, order: u64) -> bool {
        dice(&[self.seed, order / 10]).choose_multiple(0..10, 2).contains(&(order % 10))
    }

    fn pause(&self, order: u64, submissions: u64) -> Duration {
        Duration::from_millis(dice(&[self.seed, order, submissions]).u64(PAUSE_MS))
    }
}
