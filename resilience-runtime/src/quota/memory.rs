//! Limits that are counted in this process: a fleet of one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Draw, Drawn, Quotas};
use crate::ledger::Reply;
use crate::time::Tick;

/// The fewest limits that are worth a look at which of them are full.
const FEW: usize = 1024;

#[derive(Default)]
pub(crate) struct MemoryQuotas(Mutex<Table>);

#[derive(Default)]
struct Table {
    arrivals: HashMap<[u8; 32], u64>,
    /// With so many, those that are full are forgotten.
    most: usize,
}

impl Table {
    fn draw(&mut self, draw: &Draw, now: Tick) -> Drawn {
        let arrival = self.arrivals.get(&draw.limit).copied().unwrap_or_default();
        match draw.rate().draw(arrival, draw.least, draw.wanted, now) {
            Ok((arrival, granted)) => {
                self.keep(draw.limit, arrival, now);
                Drawn::Granted(granted)
            }
            Err(wait) => Drawn::NoneFor(wait),
        }
    }

    fn keep(&mut self, limit: [u8; 32], arrival: u64, now: Tick) {
        if self.arrivals.len() >= self.most.max(FEW) {
            self.arrivals.retain(|_, arrival| *arrival > now.nanos());
            self.most = 2 * self.arrivals.len();
        }
        self.arrivals.insert(limit, arrival);
    }
}

impl Quotas for MemoryQuotas {
    fn draw(&self, draw: Draw) -> Reply<'_, Drawn> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Reply::now(Ok(table.draw(&draw, Tick::now())))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_full_is_forgotten() {
        let mut table = Table::default();
        let (interval, start) = (Duration::from_secs(1), Tick::BASE);
        for number in 0..10_000_u32 {
            let mut limit = [0; 32];
            limit[..4].copy_from_slice(&number.to_be_bytes());
            let now = start.after(Duration::from_millis(number.into()));
            let draw = Draw { limit, interval, burst: 1, least: 1, wanted: 1 };
            assert_eq!(table.draw(&draw, now), Drawn::Granted(1));
            assert_eq!(table.draw(&draw, now), Drawn::NoneFor(interval));
        }
        assert!(table.arrivals.len() <= 2_048, "{}", table.arrivals.len());
    }
}
