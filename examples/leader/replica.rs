//! A replica of the service: the one that leads settles one account after the other.

use std::fmt::Display;
use std::sync::mpsc::{Receiver, Sender};
use std::time::Duration;

use resilience::{context, exclusive};

use crate::log::Log;
use crate::store::Store;

pub(crate) struct Replica {
    pub(crate) name: &'static str,
    pub(crate) log: Log,
    pub(crate) pause: Option<Pause>,
}

/// The whole replica stands still: a garbage collection, a machine that is moved, a laptop that is closed.
pub(crate) struct Pause {
    pub(crate) begins: Sender<()>,
    pub(crate) ends: Receiver<()>,
}

const ROUNDS: u32 = 3;

/// At most one of the replicas, as long as none stands still for longer than its lease.
#[exclusive(lease = "1s", otherwise = wait)]
pub(crate) async fn lead(replica: &Replica, store: &Store) -> Result<(), resilience::Error> {
    let token = context::fencing_token().unwrap_or_default(); // there is one in every exclusive function
    replica.say(format_args!("leads, with token {token}"));
    for round in 1..=ROUNDS {
        let account = store.next_account();
        if round == 2 {
            replica.stand_still();
        }
        match store.settle(account, token) {
            Ok(()) => replica.say(format_args!("settles account {account}")),
            Err(stale) => replica.say(format_args!("wants to settle account {account}: {stale}")),
        }
        // Who has lost the lease goes no further than this.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

impl Replica {
    pub(crate) fn say(&self, what: impl Display) {
        self.log.line(self.name, what);
    }

    /// Nothing of it runs meanwhile, the renewal of its lease neither.
    fn stand_still(&self) {
        let Some(pause) = &self.pause else { return };
        self.say("stands still");
        let _ = pause.begins.send(());
        // Where the other one has failed, there is nothing to wait for.
        let _ = pause.ends.recv();
        self.say("goes on, and believes that it leads");
    }
}
