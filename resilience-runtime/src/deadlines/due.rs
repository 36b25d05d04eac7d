//! When the driver must look next, at the latest. Between its looks others tell it of nearer moments, and none is lost.
//!
//! Whoever comes puts its deadline where the driver finds it, under a lock, and tells afterwards. The driver forgets the
//! moment before it takes the first lock. So who had the lock before the driver is found; and who has it after the driver
//! sees that the moment is forgotten, or one that the driver has set since: it is either early enough, or is told of.

use std::sync::atomic::{AtomicU64, Ordering};

/// Nobody waits.
pub(super) const NEVER: u64 = u64::MAX;

/// An atomic number; the model checker has one of its own.
pub(super) trait Number {
    fn load(&self) -> u64;
    fn store(&self, number: u64);
    fn fetch_min(&self, number: u64) -> u64;
}

macro_rules! number {
    ($atomic:ty, $order:expr) => {
        impl Number for $atomic {
            fn load(&self) -> u64 {
                self.load($order)
            }

            fn store(&self, number: u64) {
                self.store(number, $order);
            }

            fn fetch_min(&self, number: u64) -> u64 {
                self.fetch_min(number, $order)
            }
        }
    };
}
number!(AtomicU64, Ordering::SeqCst);

#[derive(Debug)]
pub(super) struct Due<N = AtomicU64>(N);

impl Due {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(NEVER))
    }
}

impl<N: Number> Due<N> {
    pub(super) fn get(&self) -> u64 {
        self.0.load()
    }

    /// Somebody waits for this moment from now on. Whether the driver must be woken.
    pub(super) fn tell(&self, at: u64) -> bool {
        at < self.0.load() && self.0.fetch_min(at) > at
    }

    /// A look begins.
    pub(super) fn forget(&self) {
        self.0.store(NEVER);
    }

    /// The look has ended, and has found that the nearest is this. Not a store: somebody may have told meanwhile.
    pub(super) fn found(&self, nearest: u64) {
        self.0.fetch_min(nearest);
    }
}

#[cfg(all(test, resilience_loom))]
mod loom_tests {
    use loom::sync::atomic::AtomicU64;
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::*;

    number!(AtomicU64, loom::sync::atomic::Ordering::SeqCst);

    /// Two come while the driver goes about: it sleeps only with nobody to wait for, and wakes both.
    #[test]
    fn loom_nobody_is_forgotten() {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(3);
        model.check(|| {
            let shared = Arc::new((Due(AtomicU64::new(NEVER)), Mutex::new(Vec::new())));
            let driver = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut woken = 0;
                    while woken < 2 {
                        if shared.0.get() == NEVER {
                            thread::park();
                            continue;
                        }
                        shared.0.forget();
                        let found: Vec<u64> = std::mem::take(&mut *shared.1.lock().expect("no panic"));
                        woken += found.len();
                        shared.0.found(NEVER);
                    }
                })
            };
            let others: Vec<_> = [2, 1]
                .into_iter()
                .map(|at| {
                    let (shared, driver) = (Arc::clone(&shared), driver.thread().clone());
                    thread::spawn(move || {
                        shared.1.lock().expect("no panic").push(at);
                        if shared.0.tell(at) {
                            driver.unpark();
                        }
                    })
                })
                .collect();
            for thread in others {
                thread.join().expect("no panic");
            }
            driver.join().expect("it has woken both");
        });
    }
}
