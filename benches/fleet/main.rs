//! What `#[idempotent]` costs over a server, beside the same statements by hand through the same client, crate `idempotent`
//! 2 and AWS Powertools for Python: rates of one run, as shares of the first.
//!
//! `cargo xtask bench fleet`: it starts its own servers, and makes an environment for Python.
#![allow(missing_docs, reason = "a benchmark target")]

mod by_hand;
mod ours;
mod peer;
mod powertools;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use peers::{Receipt, Share, Table, Turn, rate};
use resilience_servers::{Persistence, Postgres, Redis};

use by_hand::{PostgresByHand, RedisByHand};
use ours::Ours;
use peer::CrateIdempotent;

const ROUNDS: usize = 7;
/// Operations that have run before the clock starts: the replays are of these.
const KNOWN: u64 = 500;

/// An order of 200 bytes.
fn body(order: u64) -> Receipt {
    Receipt { order, note: "x".repeat(170) }
}

/// Whoever runs an operation once.
trait Candidate: Clone + Send + Sync + 'static {
    fn call(&self, order: u64) -> impl Future<Output = Receipt> + Send;
}

#[derive(Clone, Copy)]
enum When {
    First,
    Again,
}

impl When {
    fn order(self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(KNOWN);
        match self {
            Self::First => NEXT.fetch_add(1, Relaxed),
            Self::Again => fastrand::u64(0..KNOWN),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::First => "claim + complete",
            Self::Again => "replay",
        }
    }
}

async fn turn<C: Candidate>(candidate: &C, tasks: u64, when: When) -> f64 {
    let candidate = candidate.clone();
    let task = move |mut turn: Turn| {
        let candidate = candidate.clone();
        async move {
            while turn.goes_on() {
                let order = when.order();
                assert_eq!(candidate.call(order).await.order, order);
            }
            turn
        }
    };
    rate(tasks, task).await
}

async fn warm<C: Candidate>(candidate: &C) {
    for order in 0..KNOWN {
        candidate.call(order).await;
    }
}

async fn on_postgres(tasks: u64, when: When, hand: &Arc<PostgresByHand>, ours: &Ours) {
    let title = format!("\nPostgreSQL, {}, {tasks} task(s): rate as a share of that by hand", when.name());
    let mut table = Table::new(title, &["the same statements by hand", "resilience"]);
    for _ in 0..ROUNDS {
        table.rates[0].push(turn(hand, tasks, when).await);
        table.rates[1].push(turn(ours, tasks, when).await);
    }
    table.print(Share::OfRate);
}

async fn on_redis(tasks: u64, when: When, hand: &RedisByHand, ours: &Ours, peer: &Arc<CrateIdempotent>) {
    let title = format!("\nRedis, {}, {tasks} task(s): rate as a share of that by hand", when.name());
    let mut table =
        Table::new(title, &["the same scripts by hand", "resilience", "crate idempotent 2 (valkey)"]);
    for _ in 0..ROUNDS {
        table.rates[0].push(turn(hand, tasks, when).await);
        table.rates[1].push(turn(ours, tasks, when).await);
        table.rates[2].push(turn(peer, tasks, when).await);
    }
    table.print(Share::OfRate);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let redis = Redis::start(Persistence::AofEverySecond);
    let hand = RedisByHand::open(&redis.url()).await;
    let ours = Ours::open(&redis.url()).await;
    let peer = Arc::new(CrateIdempotent::open(&redis.url()).await);
    warm(&hand).await;
    warm(&ours).await;
    warm(&peer).await;
    for tasks in [1, 64] {
        for when in [When::First, When::Again] {
            on_redis(tasks, when, &hand, &ours, &peer).await;
        }
    }
    powertools::run(redis.port());

    let postgres = Postgres::start();
    let ours = Ours::open(&postgres.url()).await;
    let hand = Arc::new(PostgresByHand::open(&postgres.url()).await);
    warm(&hand).await;
    warm(&ours).await;
    for tasks in [1, 64] {
        for when in [When::First, When::Again] {
            on_postgres(tasks, when, &hand, &ours).await;
        }
    }
}
