//! When to connect again.

use std::time::Duration;

use redis::{RedisError, RedisResult};

use crate::time::Tick;

/// What is known of the last failures to connect.
#[derive(Default)]
pub(super) struct Backoff {
    failed: Option<Failed>,
}

struct Failed {
    why: RedisError,
    until: Tick,
    pause: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Too early: the reason of the last failure stands.
    pub(super) fn check(&self, now: Tick) -> RedisResult<()> {
        match &self.failed {
            Some(failed) if failed.until > now => Err(failed.why.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn note<T>(&mut self, connected: RedisResult<T>, now: Tick) -> RedisResult<T> {
        self.failed = match &connected {
            Ok(_) => None,
            Err(why) => {
                let last = self.failed.as_ref().map(|failed| failed.pause);
                let pause = last.map_or(Self::FIRST, |last| (last * 2).min(Self::LONGEST));
                // Scattered, so that a fleet does not come back at once.
                let until = now.after(pause.mul_f64(0.5 + fastrand::f64() / 2.0));
                Some(Failed { why: why.clone(), until, pause })
            }
        };
        connected
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
        let (mut backoff, mut now) = (Backoff::default(), Tick::BASE);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(backoff.check(now).is_ok());
            assert!(backoff.note(refused(), now).is_err());
            assert!(backoff.check(now).is_err(), "at once, with the reason of the last failure");
            let until = backoff.failed.as_ref().expect("it failed").until;
            pauses.push(until.since(now));
            now = until;
        }
        assert!(pauses[0] >= Backoff::FIRST / 2 && pauses[0] <= Backoff::FIRST, "{pauses:?}");
        assert!(pauses[7] >= Backoff::LONGEST / 2 && pauses[7] <= Backoff::LONGEST, "{pauses:?}");
        assert!(backoff.note(Ok(()), now).is_ok());
        assert!(backoff.note(refused(), now).is_err());
        assert_eq!(backoff.failed.expect("it failed").pause, Backoff::FIRST, "from the start again");
    }
}
