//! One process of a fleet. Its parent is a test, which says by its arguments what it does:
//!
//! ```text
//! one KEY GUARANTEE [BODY]        says `ready`, waits for a line, makes one call and says how it ended
//! storm SEED SECONDS TASKS KEYS   calls at random
//! last KEYS                       calls each key once more, when the storm is over
//! ```
//!
//! `FLEET_BACKEND` names the ledger, `FLEET_BOOK` the file that knows what has happened.

mod book;
mod one;
mod storm;
mod work;

use std::str::FromStr;

use book::Book;
use resilience::Runtime;
use work::{Body, Guarantee};

#[tokio::main]
async fn main() {
    let backend = std::env::var("FLEET_BACKEND").expect("FLEET_BACKEND is set");
    let book = std::env::var("FLEET_BOOK").expect("FLEET_BOOK is set");
    Book::open(book.as_ref());
    let runtime = loop {
        match Runtime::open(&backend).await {
            Ok(runtime) => break runtime,
            // A server that is just down is one of the faults.
            Err(error) => eprintln!("fleet: {error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    runtime.install().expect("the first of this process");
    let args: Vec<String> = std::env::args().skip(1).collect();
    match &args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["one", key, guarantee] => one::run(read(key), Guarantee::named(guarantee), Body::Usual).await,
        ["one", key, guarantee, body] => {
            one::run(read(key), Guarantee::named(guarantee), Body::named(body)).await;
        }
        ["storm", seed, seconds, tasks, keys] => {
            storm::run(read(seed), read(seconds), read(tasks), read(keys)).await;
        }
        ["last", keys] => storm::last(read(keys)).await,
        other => panic!("no such work: {other:?}"),
    }
}

fn read<T: FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word}: not a number"))
}
