//! A scripted service, the error it fails with, and a recorder of events. Each test file uses a part of it.
#![allow(dead_code, unused_imports, unreachable_pub)]

pub mod events;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use resilience::{Failure, Kind};
use tokio::time::{Instant, sleep};

/// Fails in every way there is. The number is the execution that failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Failure)]
pub enum Fault {
    #[error("unreachable in execution {0}")]
    #[failure(transient)]
    Transient(u32),
    #[error("declined in execution {0}")]
    #[failure(permanent)]
    Permanent(u32),
    #[error("busy in execution {execution}")]
    #[failure(throttled = wait)]
    Throttled { execution: u32, wait: Duration },
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

impl Fault {
    /// The rejection inside.
    #[track_caller]
    pub fn rejection(self) -> resilience::Error {
        match self {
            Self::Policy(error) => error,
            other => panic!("not a rejection: {other:?}"),
        }
    }
}

pub type Reply = Result<u32, Fault>;

/// What the caller saw, in a word: `ok`, `transient`, ..., or the kind of a rejection and the attempts before it.
pub fn word(reply: &Reply) -> String {
    match reply {
        Ok(_) => "ok".to_owned(),
        Err(Fault::Transient(_)) => "transient".to_owned(),
        Err(Fault::Permanent(_)) => "permanent".to_owned(),
        Err(Fault::Throttled { .. }) => "throttled".to_owned(),
        Err(Fault::Policy(error)) => format!("{:?} {}", error.kind(), error.attempts()),
    }
}

/// The rejection inside a reply.
#[track_caller]
pub fn rejected(reply: Reply) -> resilience::Error {
    reply.expect_err("a rejection").rejection()
}

/// The kind of the rejection inside a reply.
#[track_caller]
pub fn kind(reply: Reply) -> Kind {
    rejected(reply).kind()
}

/// What one execution does.
#[derive(Debug, Clone)]
pub enum Step {
    Good,
    Transient,
    Permanent,
    Throttled(u64),
    Hang,
    Panic,
    After(u64, Box<Step>),
}

pub use Step::{Good, Hang, Panic, Permanent, Throttled, Transient};

/// `step` after so many milliseconds.
pub fn after(ms: u64, step: Step) -> Step {
    Step::After(ms, Box::new(step))
}

/// Acts by its script, one step per execution; the last step repeats.
#[derive(Debug)]
pub struct Service {
    script: Mutex<VecDeque<Step>>,
    executions: AtomicU32,
    running: AtomicU32,
    completed: AtomicU32,
}

/// An execution runs for as long as this exists.
pub struct Running<'a>(&'a AtomicU32);

impl<'a> Running<'a> {
    pub fn count(all: &'a AtomicU32) -> Self {
        all.fetch_add(1, Ordering::SeqCst);
        Self(all)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Service {
    pub fn new(script: impl Into<VecDeque<Step>>) -> Self {
        Self {
            script: Mutex::new(script.into()),
            executions: AtomicU32::new(0),
            running: AtomicU32::new(0),
            completed: AtomicU32::new(0),
        }
    }

    /// Replaces the rest of the script.
    pub fn now(&self, script: impl Into<VecDeque<Step>>) {
        *self.script.lock().expect("no panic under the lock") = script.into();
    }

    fn next(&self) -> Step {
        let mut script = self.script.lock().expect("no panic under the lock");
        if script.len() > 1 {
            script.pop_front().expect("more than one")
        } else {
            script.front().cloned().expect("a script has steps")
        }
    }

    /// How often the body started.
    pub fn executions(&self) -> u32 {
        self.executions.load(Ordering::SeqCst)
    }

    /// How many bodies run now.
    pub fn running(&self) -> u32 {
        self.running.load(Ordering::SeqCst)
    }

    /// How many bodies came to their end, rather than being dropped.
    pub fn completed(&self) -> u32 {
        self.completed.load(Ordering::SeqCst)
    }

    /// One execution.
    pub async fn call(&self) -> Reply {
        let execution = self.executions.fetch_add(1, Ordering::SeqCst) + 1;
        let _running = Running::count(&self.running);
        let mut step = self.next();
        while let Step::After(ms, then) = step {
            sleep(Duration::from_millis(ms)).await;
            step = *then;
        }
        let reply = match step {
            Step::Good | Step::After(..) => Ok(execution),
            Step::Transient => Err(Fault::Transient(execution)),
            Step::Permanent => Err(Fault::Permanent(execution)),
            Step::Throttled(wait) => Err(Fault::Throttled { execution, wait: Duration::from_millis(wait) }),
            Step::Hang => std::future::pending().await,
            Step::Panic => panic!("scripted"),
        };
        self.completed.fetch_add(1, Ordering::SeqCst);
        reply
    }
}

/// Milliseconds of paused time since `start`.
pub fn since(start: Instant) -> u128 {
    start.elapsed().as_millis()
}

/// The result of a call, and the milliseconds of paused time it took.
pub async fn timed<F: Future>(call: F) -> (F::Output, u128) {
    let start = Instant::now();
    let output = call.await;
    (output, since(start))
}

/// Polls a future at most so many times, without waiting for anything between, and drops it.
pub fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
    }
    None
}

/// Lets the call run for so many milliseconds (zero: one poll), and drops it.
pub async fn dropped_after<F: Future>(ms: u64, call: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = call => Some(output),
        () = sleep(Duration::from_millis(ms)) => None,
    }
}

/// A second of paused time goes by, and so on.
pub async fn pass(ms: u64) {
    sleep(Duration::from_millis(ms)).await;
}
