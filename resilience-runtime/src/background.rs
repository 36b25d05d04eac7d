//! Tasks that outlive the call that began them, and that others may wait for.
//!
//! No caller drives them: a caller's future can be dropped or left alone, and a caller's tokio runtime can end, or stand
//! still behind a thread that blocks. So they run on a thread of this crate, which starts with the first of them and lives
//! as long as the process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::time;

/// The runtime of the thread, where the system has given one.
static THREAD: OnceLock<Option<Handle>> = OnceLock::new();

fn thread() -> Option<&'static Handle> {
    THREAD.get_or_init(start).as_ref()
}

fn start() -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    let run = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("resilience".to_owned()).spawn(run).ok()?;
    Some(handle)
}

/// Where such tasks run: in a test with paused time on the runtime of the test, which owns the clock; else on the thread.
///
/// # Panics
///
/// Where the system gives no thread, and there is no tokio runtime around either.
pub(crate) fn handle() -> Handle {
    if !time::flows() {
        return Handle::current();
    }
    thread().cloned().unwrap_or_else(Handle::current)
}

/// Runs a task that no caller drives. It goes on when the handle is dropped.
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    handle().spawn(task)
}

/// The tasks of one ledger, or of one runtime, that nobody waits for until the program ends.
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
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.begin();
        drop(spawn(async move {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whatever becomes of the runtime that a task was begun on.
    #[test]
    fn a_task_outlives_the_runtime_of_its_caller() {
        let (done, told) = std::sync::mpsc::channel();
        let caller = Builder::new_current_thread().enable_all().build().expect("a runtime");
        caller.block_on(async move {
            drop(spawn(async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                done.send(std::thread::current().name().map(str::to_owned)).expect("somebody listens");
            }));
        });
        drop(caller);
        let thread = told.recv_timeout(Duration::from_secs(10)).expect("it goes on");
        assert_eq!(thread.as_deref(), Some("resilience"));
    }

    #[tokio::test(start_paused = true)]
    async fn in_paused_time_it_runs_under_the_clock_of_the_test() {
        let start = time::now();
        spawn(async { tokio::time::sleep(Duration::from_hours(1)).await }).await.expect("it ends");
        assert_eq!(time::now().duration_since(start), Duration::from_hours(1));
    }
}
