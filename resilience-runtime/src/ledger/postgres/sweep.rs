//! Removes what has expired. Every process does, some at a time, now and then; they step over each other's rows.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::fault::Fault;
use super::pool::{Pool, Statement};
use super::statements::Statements;
use crate::{background, time};

/// Rows at a time: a few milliseconds of work.
pub(super) const BATCH: usize = 500;
/// Between two sweeps, and between two batches of one; scattered, so that processes do not meet.
const PAUSE: Duration = Duration::from_mins(1);
const BREATH: Duration = Duration::from_millis(50);

/// Sweeps for as long as it lives.
pub(super) struct Sweeper(JoinHandle<()>);

impl Sweeper {
    pub(super) fn start(pool: Arc<Pool>, statements: Arc<Statements>) -> Self {
        Self(background::spawn(async move {
            loop {
                time::pause(scattered(PAUSE)).await;
                // A server that cannot now will be asked again.
                let _ = sweep(&pool, &statements).await;
            }
        }))
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn scattered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}

/// How many rows it removed.
pub(super) async fn sweep(pool: &Pool, statements: &Statements) -> Result<usize, Fault> {
    let removed = all(pool, &statements.sweep).await?;
    all(pool, &statements.postpone).await?;
    all(pool, &statements.sweep_quotas).await?;
    Ok(removed)
}

async fn all(pool: &Pool, statement: &Statement) -> Result<usize, Fault> {
    let mut sum = 0;
    loop {
        let rows = pool.ask(statement, &[]).await?.len();
        sum += rows;
        if rows < BATCH {
            return Ok(sum);
        }
        time::pause(scattered(BREATH)).await;
    }
}
