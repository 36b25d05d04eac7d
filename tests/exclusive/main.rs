//! What `#[exclusive]` does, in paused time and over the ledger in memory.
#![allow(missing_docs)]

mod daily;
mod disk;
mod elect;
mod engine;
mod lost;
mod stacks;
#[path = "../support/mod.rs"]
mod support;
mod wait;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use resilience::{Entry, IdempotencyKey, Runtime};

/// A runtime of the test's own.
fn alone() -> Runtime {
    Runtime::builder().memory().build()
}

/// What the ledger knows of the right of this name under this key.
async fn record(runtime: &Runtime, name: &str, key: &str) -> Option<Entry> {
    let key = IdempotencyKey::of(&format!("exclusive {name}"), None::<&str>, key).expect("a good key");
    runtime.operator().inspect(key).await.expect("memory answers")
}

/// A call in a process that stops and goes on as the test says: it is polled by hand.
struct Paused<'a, T>(Pin<Box<dyn Future<Output = T> + 'a>>);

impl<'a, T> Paused<'a, T> {
    /// Lets it run up to where it waits.
    fn start(call: impl Future<Output = T> + 'a) -> Self {
        let mut paused = Self(Box::pin(call));
        assert!(paused.go_on().is_none(), "it waits");
        paused
    }

    fn go_on(&mut self) -> Option<T> {
        match self.0.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Its process has died: nothing of it is ever dropped.
    fn kill(self) {
        std::mem::forget(self);
    }
}
