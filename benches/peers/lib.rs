//! What the benchmarks beside peers have in common: turns, tables of their medians, and the peer that is in several.

use std::time::{Duration, Instant};

use idempotent::{ExecutionOutcome, IdempotencyKey, IdempotencyStore};
use serde::{Deserialize, Serialize};

/// How long one candidate runs before the next has its turn.
const TURN: Duration = Duration::from_millis(250);

/// What a call gives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Receipt {
    pub order: u64,
    pub note: String,
}

const TTL: Duration = Duration::from_hours(24);
const LEASE: Duration = Duration::from_mins(1);

/// A call by way of crate `idempotent`.
pub async fn crate_idempotent(
    store: &impl IdempotencyStore,
    order: u64,
    body: impl FnOnce() -> Receipt,
) -> Receipt {
    let key = IdempotencyKey::new(format!("order-{order}")).expect("a key");
    let outcome = store
        .claim(&key, LEASE)
        .fingerprint("charge", b"")
        .json()
        .execute_or_replay(TTL, |_token| async { Ok(body()) })
        .await
        .expect("charged");
    match outcome {
        ExecutionOutcome::Executed(receipt) | ExecutionOutcome::Replayed(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

/// The turn of one task.
pub struct Turn {
    start: Instant,
    calls: u32,
}

impl Turn {
    /// Whether it has time for one more call.
    pub fn goes_on(&mut self) -> bool {
        // The clock costs as much as a part of a replay.
        let goes_on = !self.calls.is_multiple_of(8) || self.start.elapsed() < TURN;
        self.calls += u32::from(goes_on);
        goes_on
    }
}

/// Calls per second of so many tasks in one turn. What they share is handed to each task once: a count of owners, written
/// at every call by all of them, costs as much as a part of a replay too.
pub async fn rate<F>(tasks: u64, task: impl Fn(Turn) -> F) -> f64
where
    F: Future<Output = Turn> + Send + 'static,
{
    let start = Instant::now();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        running.spawn(task(Turn { start, calls: 0 }));
    }
    let turns = running.join_all().await;
    turns.iter().map(|turn| f64::from(turn.calls)).sum::<f64>() / start.elapsed().as_secs_f64()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Interleaved, so that a machine that slows down does so for all. The first candidate is the measure of the others.
pub struct Table {
    title: String,
    names: Vec<&'static str>,
    /// Of each candidate, in turns.
    pub rates: Vec<Vec<f64>>,
}

impl Table {
    pub fn new(title: impl Into<String>, names: &[&'static str]) -> Self {
        Self { title: title.into(), names: names.to_vec(), rates: vec![Vec::new(); names.len()] }
    }

    /// Time per call as a share of the first one's, or the rate as one.
    pub fn print(self, what: Share) {
        let rates: Vec<f64> = self.rates.into_iter().map(median).collect();
        println!("{}", self.title);
        for (name, rate) in self.names.iter().zip(&rates) {
            let share = match what {
                Share::OfTime => rates[0] / rate,
                Share::OfRate => rate / rates[0],
            };
            println!("  {name:<32} {share:>6.2}   ({:>9.0} calls/s)", rate);
        }
    }
}

/// What a table shows of the candidates.
pub enum Share {
    /// Time per call.
    OfTime,
    /// Calls per second.
    OfRate,
}
