//! A checkout that survives its payment gateway: `cargo run --release --example checkout -- --help`.
//!
//! ```text
//! load  ->  shop  -- HTTP -->  gateway  ->  book
//! ```
//!
//! Customers (`load`) submit orders to a service (`shop`, the annotated one), which charges them at a gateway. The
//! gateway is a process of its own, misbehaves by a seeded `plan`, and writes down every effect in a file. What the
//! table says about charges is read from that `book`, and from nothing else.

mod args;
mod book;
mod dice;
mod gateway;
mod http;
mod load;
mod order;
mod plan;
mod process;
mod progress;
mod report;
mod seen;
mod shop;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::args::{Command, Options};
use crate::load::Load;
use crate::process::Process;
use crate::report::Report;
use crate::seen::Seen;
use crate::shop::Shop;

#[tokio::main]
async fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let done = match args::parse(args) {
        Ok(Command::Help) => {
            print!("{}", args::HELP);
            Ok(())
        }
        Ok(Command::Checkout(options)) => checkout(&options).await,
        Ok(Command::Gateway { plan, book }) => gateway::run(plan, &book).await,
        Err(error) => {
            eprintln!("checkout: {error}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("checkout: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn checkout(options: &Options) -> io::Result<()> {
    let book = std::env::temp_dir().join(format!("checkout-{}.book", std::process::id()));
    let seen = Seen::start();
    let gateway = Process::start(options.plan, &book).await?;
    let load = Arc::new(Load {
        shop: Shop { gateway: gateway.address },
        seed: options.plan.seed,
        orders: options.orders,
        unprotected: options.unprotected,
        done: AtomicU64::new(0),
    });

    let visits = tokio::select! {
        visits = load.clone().run() => visits,
        never = progress::show(&load, &seen) => match never {},
    };
    gateway.stop().await?;

    let report = Report::new(options, &book::tally(&book, options.orders)?, &seen, &visits, &book);
    println!("{report}");
    if options.json {
        println!("{}", serde_json::to_string(&report)?);
    }
    Ok(())
}
