//! When to connect again.

use std::time::Duration;

use redis::{RedisError, RedisResult};

use crate::backoff::Backoff;
use crate::time::Tick;

/// What is known of the last failures to connect.
pub(super) struct Outage {
    pauses: Backoff,
    failed: Option<Failed>,
}

struct Failed {
    why: RedisError,
    until: Tick,
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Outage {
    pub(super) const fn new() -> Self {
        Self { pauses: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), failed: None }
    }

    /// Too early: the reason of the last failure stands.
    pub(super) fn check(&self, now: Tick) -> RedisResult<()> {
        match &self.failed {
            Some(failed) if failed.until > now => Err(failed.why.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn note<T>(&mut self, connected: &RedisResult<T>, now: Tick) {
        match connected {
            Ok(_) => *self = Self::new(),
            Err(why) => {
                let until = now.after(self.pauses.next(&mut fastrand::Rng::new()));
                self.failed = Some(Failed { why: why.clone(), until });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> RedisResult<()> {
        Err((redis::ErrorKind::Io, "refused").into())
    }

    #[test]
    fn pauses_between_connections_grow_and_end() {
        let (mut outage, mut now) = (Outage::new(), Tick::BASE);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(outage.check(now).is_ok());
            outage.note(&refused(), now);
            assert!(outage.check(now).is_err(), "at once, with the reason of the last failure");
            let until = outage.failed.as_ref().expect("it failed").until;
            pauses.push(until.since(now));
            now = until;
        }
        assert!(pauses[0] >= FIRST_PAUSE / 2 && pauses[0] <= FIRST_PAUSE, "{pauses:?}");
        assert!(pauses[7] >= LONGEST_PAUSE / 2 && pauses[7] <= LONGEST_PAUSE, "{pauses:?}");
        outage.note(&Ok(()), now);
        assert!(outage.check(now).is_ok());
        outage.note(&refused(), now);
        let until = outage.failed.expect("it failed").until;
        assert!(until.since(now) <= FIRST_PAUSE, "from the start again");
    }
}
