//! Tasks that nobody waits for, until the program ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use tokio::sync::Notify;

/// Those of one ledger, or of one runtime.
#[derive(Clone, Default)]
pub(crate) struct Background(Arc<Tasks>);

#[derive(Default)]
struct Tasks {
    running: AtomicUsize,
    idle: Notify,
}

/// One of them, until its drop.
pub(crate) struct Running(Arc<Tasks>);

impl Background {
    pub(crate) fn spawn(&self, on: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.begin();
        drop(on.spawn(async move {
            let _running = running;
            task.await;
        }));
    }

    pub(crate) fn begin(&self) -> Running {
        self.0.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(&self.0))
    }

    /// Waits until none is running.
    pub(crate) async fn idle(&self) {
        loop {
            // Made before the look, so that no end falls in between.
            let idle = self.0.idle.notified();
            if self.0.running.load(Ordering::Acquire) == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::Release) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
