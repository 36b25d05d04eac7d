//! What a call is to do, and what is done to it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use resilience::Failure;

#[derive(Debug, thiserror::Error, Failure)]
pub enum Fault {
    #[error("transient")]
    #[failure(transient)]
    Transient,
    #[error("permanent")]
    #[failure(permanent)]
    Permanent,
    #[error("busy")]
    #[failure(throttled = wait)]
    Busy { wait: Duration },
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

pub type Reply = Result<u64, Fault>;

/// What the body does.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub stack: u8,
    pub key: u32,
    step: u8,
    micros: u64,
    panics: bool,
}

impl Plan {
    pub fn panicking(self) -> Self {
        Self { panics: true, ..self }
    }

    pub fn draw(random: &mut fastrand::Rng) -> Self {
        // A few keys are asked for all the time, and many once.
        let key = if random.bool() { random.u32(..16) } else { random.u32(..100_000) };
        Self { stack: random.u8(..), key, step: random.u8(..100), micros: random.u64(..3_000), panics: false }
    }

    pub async fn run(self) -> Reply {
        if self.panics {
            tokio::task::yield_now().await;
            panic!("planned");
        }
        match self.step {
            0..40 => Ok(1),
            40..55 => {
                tokio::task::yield_now().await;
                Ok(2)
            }
            55..75 => {
                tokio::time::sleep(Duration::from_micros(self.micros)).await;
                Ok(3)
            }
            75..88 => Err(Fault::Transient),
            88..92 => Err(Fault::Permanent),
            92..95 => Err(Fault::Busy { wait: Duration::from_micros(self.micros) }),
            _ => std::future::pending().await,
        }
    }
}

/// What the caller does.
pub enum Fate {
    Awaited,
    DroppedAfter(u32),
    AbortedAfter(Duration),
    Panics,
}

impl Fate {
    pub fn draw(random: &mut fastrand::Rng) -> Self {
        match random.u8(..100) {
            0..70 => Self::Awaited,
            70..88 => Self::DroppedAfter(random.u32(..4)),
            88..98 => Self::AbortedAfter(Duration::from_micros(random.u64(..4_000))),
            _ => Self::Panics,
        }
    }
}

/// Polls the call so many times, whenever it wakes the task, and drops it. Whether it came to its end.
pub async fn poll_times<F: Future>(call: F, times: u32) -> bool {
    let (mut call, mut left) = (pin!(call), times);
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match call.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(true),
            // Nobody waits for a wake that may take long.
            Poll::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    })
    .await
}

pub fn silence_planned_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<&str>() != Some(&"planned") {
            usual(panic);
        }
    }));
}
