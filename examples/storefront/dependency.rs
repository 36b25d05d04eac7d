//! A service of somebody else, which has so many workers and a queue before them.
//!
//! It does not know when its caller has gone: what it has been asked, it does. So callers who do not wait make it no
//! faster, and callers who keep asking make it worse.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};

use crate::shared::dice::dice;
use crate::shop::Fault;
use crate::trouble::{Phase, Plan, Trouble};

/// How long it takes to say no.
const REFUSAL: Duration = Duration::from_millis(5);

/// What it is like on a good day.
pub(crate) struct Nature {
    pub(crate) name: &'static str,
    pub(crate) workers: usize,
    /// Calls that may wait for a worker; it refuses the others.
    pub(crate) queue: u32,
    /// Of a thousand calls, those that it refuses on any day.
    pub(crate) refuses: u32,
    /// How long one call takes a worker, in milliseconds.
    pub(crate) work: RangeInclusive<u64>,
    /// What it answers.
    pub(crate) answers: RangeInclusive<u64>,
}

pub(crate) struct Dependency {
    nature: Nature,
    seed: u64,
    start: Instant,
    phase: Option<Phase>,
    workers: Semaphore,
    waiting: AtomicU32,
    /// The most that have waited at one time.
    longest: AtomicU32,
    calls: AtomicU64,
    refused: AtomicU64,
}

impl Dependency {
    pub(crate) fn start(nature: Nature, plan: Plan, start: Instant) -> Arc<Self> {
        let name = nature.name;
        Arc::new(Self {
            seed: name.bytes().fold(plan.seed, |seed, byte| dice(&[seed, byte.into()]).u64(..)),
            start,
            phase: plan.phases().into_iter().find(|phase| phase.dependency == name),
            workers: Semaphore::new(nature.workers),
            nature,
            waiting: AtomicU32::new(0),
            longest: AtomicU32::new(0),
            calls: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// One call, as over a network: a caller who drops it hears no more, and the work goes on.
    pub(crate) async fn call(self: &Arc<Self>) -> Result<u64, Fault> {
        tokio::spawn(self.clone().serve()).await.expect("it does not panic")
    }

    /// The fate of a call depends on the seed, on how many were there before it, and on the time.
    async fn serve(self: Arc<Self>) -> Result<u64, Fault> {
        let mut dice = dice(&[self.seed, self.calls.fetch_add(1, Relaxed)]);
        let work = Duration::from_millis(dice.u64(self.nature.work.clone()));
        let luck = dice.u32(0..1_000);
        let answer = dice.u64(self.nature.answers.clone());
        let late = Duration::from_millis(dice.u64(1_000..2_000));

        let trouble = self.trouble();
        let refuses = if trouble == Some(Trouble::Overload) { 100 } else { self.nature.refuses };
        if luck < refuses || self.waiting.load(Relaxed) >= self.nature.queue {
            self.refused.fetch_add(1, Relaxed);
            sleep(REFUSAL).await;
            return Err(Fault::Unavailable);
        }
        self.work(work).await;
        if trouble == Some(Trouble::SlowTail) && luck < 125 {
            sleep(late).await;
        }
        Ok(answer)
    }

    async fn work(&self, work: Duration) {
        let before = self.waiting.fetch_add(1, Relaxed);
        let worker = self.workers.acquire().await.expect("it is never closed");
        self.waiting.fetch_sub(1, Relaxed);
        if self.workers.available_permits() == 0 {
            self.longest.fetch_max(before, Relaxed);
        }
        match (self.trouble(), &self.phase) {
            (Some(Trouble::Hang), Some(phase)) => {
                sleep_until(self.start + phase.time.end).await;
                sleep(work).await;
            }
            (Some(Trouble::Overload), _) => sleep(work * (3 + self.waiting.load(Relaxed) / 5)).await,
            _ => sleep(work).await,
        }
        drop(worker);
    }

    /// How it misbehaves now.
    fn trouble(&self) -> Option<Trouble> {
        let phase = self.phase.as_ref()?;
        phase.time.contains(&self.start.elapsed()).then_some(phase.trouble)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.nature.name
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub(crate) fn longest_queue(&self) -> u32 {
        self.longest.load(Relaxed)
    }
}
