//! Candidates in turns.

use std::pin::Pin;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};

use crate::bodies::{Shape, body};
use crate::candidates::Candidate;
use crate::counting;

const ROUNDS: usize = 25;

pub(crate) type Calls = Pin<Box<dyn Future<Output = ()> + Send>>;

/// So many tasks on as many workers.
pub(crate) struct Bench {
    runtime: Runtime,
    tasks: usize,
}

impl Bench {
    pub(crate) fn new(tasks: usize) -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(tasks).enable_time().build().expect("a runtime");
        Self { runtime, tasks }
    }

    /// The nanoseconds that each candidate adds to the bare call: lower quartiles over rounds in which all have their turn.
    pub(crate) fn compare(&self, shape: Shape, candidates: &[&Candidate]) -> Vec<f64> {
        let mut times = vec![Vec::new(); candidates.len() + 1];
        for round in 0..=ROUNDS {
            let turns = std::iter::once(bare as fn(Shape, u32) -> Calls);
            for (at, run) in turns.chain(candidates.iter().map(|candidate| candidate.run)).enumerate() {
                let time = self.turn(run, shape);
                // The first round warms up.
                if round > 0 {
                    times[at].push(time);
                }
            }
        }
        let quartiles: Vec<f64> = times.into_iter().map(lower_quartile).collect();
        quartiles[1..].iter().map(|time| time - quartiles[0]).collect()
    }

    /// Nanoseconds per call.
    fn turn(&self, run: fn(Shape, u32) -> Calls, shape: Shape) -> f64 {
        let calls = shape.calls();
        self.runtime.block_on(async {
            let mut running = tokio::task::JoinSet::new();
            for _ in 0..self.tasks {
                running.spawn(async move {
                    let start = Instant::now();
                    run(shape, calls).await;
                    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
                });
            }
            let times = running.join_all().await;
            times.iter().sum::<f64>() / times.len() as f64
        })
    }

    /// Allocations of a call.
    pub(crate) fn allocations(&self, shape: Shape, candidate: &Candidate) -> f64 {
        const CALLS: u32 = 500;
        let run = candidate.run;
        let counted = async move {
            let calls = run(shape, CALLS);
            let before = counting::allocations();
            calls.await;
            counting::allocations() - before
        };
        // On this thread alone.
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(counted) as f64 / f64::from(CALLS)
    }
}

fn bare(shape: Shape, calls: u32) -> Calls {
    Box::pin(async move {
        for _ in 0..calls {
            std::hint::black_box(body(shape).await.is_ok());
        }
    })
}

fn lower_quartile(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 4]
}
