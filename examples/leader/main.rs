//! Two replicas that both believe they lead, and the store that knows better: `cargo run --example leader`.
//!
//! ```text
//! north  ->  leads, and stands still in the middle of a round, for longer than its lease
//! south  ->  takes over, and writes
//! north  ->  goes on where it was, believes that it leads, and writes: the store refuses its token
//! ```
//!
//! Each replica has a thread and a tokio runtime of its own, as it would have a process of its own. Read `replica` first.

mod log;
mod replica;
mod store;

use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread;

use resilience::Runtime;

use crate::log::Log;
use crate::replica::{Pause, Replica, lead};
use crate::store::Store;

fn main() -> ExitCode {
    match leader() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("leader: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the story. Says whether it ended well.
fn leader() -> Result<bool, Box<dyn std::error::Error>> {
    tokio()?.block_on(Runtime::from_env())?.install()?;
    let (log, store) = (Log::start(), Store::default());
    let (stands_still, other_may_start) = channel();
    let (other_has_written, goes_on) = channel();
    let north = Replica { name: "north", log, pause: Some(Pause { begins: stands_still, ends: goes_on }) };
    let south = Replica { name: "south", log, pause: None };
    thread::scope(|threads| -> std::io::Result<()> {
        let (first, second) = (tokio()?, tokio()?);
        let store = &store;
        threads.spawn(move || first.block_on(run(&north, store)));
        // It fails where the first did not get so far.
        if other_may_start.recv().is_ok() {
            store.tell_after_the_next_write(other_has_written);
            threads.spawn(move || second.block_on(run(&south, store)));
        }
        Ok(())
    })?;
    println!("\n{}", store.summary());
    Ok(store.is_in_order() && store.refused() == 1)
}

async fn run(replica: &Replica, store: &Store) {
    match lead(replica, store).await {
        Ok(()) => replica.say("is done"),
        Err(error) => replica.say(format_args!("stops: {error}")),
    }
}

fn tokio() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
