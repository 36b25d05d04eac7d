use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fault::Fault;
use crate::time::{self, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// While no connection can be made, one caller tries now and then, in growing and scattered pauses. The others fail at
/// once.
#[derive(Default)]
pub(super) struct Outage {
    /// A hint, so that calls meet in no lock while all is well.
    is_down: AtomicBool,
    down: Mutex<Option<Down>>,
}

struct Down {
    pause: Duration,
    until: Instant,
    why: String,
}

impl Outage {
    fn open(&self) -> MutexGuard<'_, Option<Down>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Relaxed)
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        match &mut *self.open() {
            Some(down) if time::now() < down.until => Err(Fault::new(down.why.clone())),
            Some(down) => {
                // This one tries; the next ones, when it is known how it went.
                down.until = time::now() + down.pause;
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn began(&self, fault: &Fault) {
        let mut down = self.open();
        let now = time::now();
        let pause = match &*down {
            // Others who tried at the same time have found it out already.
            Some(down) if now < down.until => down.pause,
            Some(down) => (down.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let until = now + pause.mul_f64(0.5 + fastrand::f64() / 2.0);
        *down = Some(Down { pause, until, why: fault.to_string() });
        self.is_down.store(true, Relaxed);
    }

    pub(super) fn over(&self) {
        if self.is_down() {
            let mut down = self.open();
            *down = None;
            self.is_down.store(false, Relaxed);
        }
    }
}
