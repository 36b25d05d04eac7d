//! The shop's ledger, and the operations that a killed run left in doubt there.

use std::io;

use resilience::Runtime;
use serde::Serialize;

use crate::args::MOST_ORDERS;
use crate::history::History;

/// The orders of this run that were in doubt when it opened the ledger.
pub(crate) struct Doubts(Vec<u64>);

/// How the doubts were settled.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Settled {
    #[serde(rename = "in_doubt")]
    pub(crate) all: u64,
    /// The money had been taken before this run began.
    #[serde(rename = "in_doubt_charged")]
    pub(crate) charged: u64,
    /// The money was taken in this run only.
    #[serde(rename = "in_doubt_run")]
    pub(crate) run: u64,
    /// No money was taken.
    #[serde(rename = "in_doubt_open")]
    pub(crate) open: u64,
}

impl Doubts {
    pub(crate) fn none() -> Self {
        Self(Vec::new())
    }

    /// Opens the ledger for the whole process.
    pub(crate) async fn install(url: &str, run: &str) -> io::Result<Self> {
        let runtime = Runtime::open(url).await.map_err(io::Error::other)?;
        runtime.clone().install().map_err(io::Error::other)?;
        Self::read(&runtime, run).await
    }

    /// Looks into a ledger that other processes use.
    pub(crate) async fn look(url: &str, run: &str) -> io::Result<Self> {
        let runtime = Runtime::open(url).await.map_err(io::Error::other)?;
        Self::read(&runtime, run).await
    }

    async fn read(runtime: &Runtime, run: &str) -> io::Result<Self> {
        let most = usize::try_from(MOST_ORDERS).unwrap_or(usize::MAX);
        let entries = runtime.operator().in_doubt(most).await.map_err(io::Error::other)?;
        // The scope and the key: other runs may share the ledger.
        let order = |text: &str| text.strip_prefix(run)?.strip_prefix('/')?.parse().ok();
        Ok(Self(entries.iter().filter_map(|entry| order(&entry.text)).collect()))
    }

    /// What the book says of them, before this run and after it.
    pub(crate) fn settle(&self, before: &History, after: &History) -> Settled {
        let mut settled = Settled::default();
        for &order in &self.0 {
            settled.all += 1;
            *match (before.is_charged(order), after.is_charged(order)) {
                (true, _) => &mut settled.charged,
                (false, true) => &mut settled.run,
                (false, false) => &mut settled.open,
            } += 1;
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Doubts, History, Runtime, Settled, io};
    use crate::order::Order;
    use crate::shop::Shop;

    #[tokio::test]
    async fn only_the_doubts_of_this_run_count() -> io::Result<()> {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let runtime = Runtime::builder().memory().build();
        for (run, id) in [("one", 3), ("other", 4)] {
            let shop = Shop { gateway: silent.local_addr()?, run: run.to_owned() };
            let order = Order::new(1, id);
            let charge = runtime.scope(shop.charge(&order));
            assert!(tokio::time::timeout(Duration::from_millis(50), charge).await.is_err());
        }
        assert_eq!(Doubts::read(&runtime, "one").await?.0, [3]);
        Ok(())
    }

    #[test]
    fn the_book_settles_doubts() {
        let first = "request,0,k0,ReplyLost,charged\neffect,0,0,999\nrequest,1,k1,HungBeforeCharge,nothing\n";
        let then = format!("{first}request,1,k1,Answered,charged\neffect,1,1,500\n");
        let settled =
            Doubts(vec![0, 1, 2]).settle(&History::of(first).unwrap(), &History::of(&then).unwrap());
        let expected = Settled { all: 3, charged: 1, run: 1, open: 1 };
        assert_eq!(settled, expected);
    }
}
