//! A checkout that survives its payment gateway, and its own death: `cargo run --release --example checkout -- --help`.
//!
//! ```text
//! load  ->  shop  -- HTTP -->  gateway  ->  book
//!            |
//!          ledger
//! ```
//!
//! With `--workers` the shop is several processes over one ledger, behind HTTP of their own.
//!
//! Customers (`load`) submit orders to a service (`shop`, the annotated one), which charges them at a gateway. The
//! gateway is a process of its own, misbehaves by a seeded `plan`, and writes down every effect in a file. What the
//! table says about charges is read from that `book`, and from nothing else.
//!
//! With `--dir` a run can be killed at any moment, alone or with its gateway, and the same command goes on: the ledger
//! has the results, the book has what the gateway knew, and the customers submit again whatever they had submitted.

mod args;
mod book;
mod folder;
mod front;
mod gateway;
mod history;
mod http;
mod ledger;
mod load;
mod order;
mod picture;
mod plan;
mod process;
mod report;
mod run;
mod seen;
#[path = "../shared/mod.rs"]
mod shared;
mod shop;
mod stop;
mod worker;
mod workers;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::args::{Command, Options};
use crate::run::run;
use crate::seen::Seen;
use crate::stop::Stop;

#[tokio::main]
async fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    let done = match args::parse(args) {
        Ok(Command::Help) => {
            print!("{}", args::HELP);
            Ok(())
        }
        Ok(Command::Checkout(options)) => tokio::select! {
            // First, because an interrupt may end the gateway too, and that is not the news then.
            biased;
            Ok(()) = tokio::signal::ctrl_c() => {
                if options.dir.is_some() {
                    eprintln!("checkout: interrupted; the same command with the same --dir goes on");
                }
                Err(Stop::Interrupted)
            }
            done = checkout(&options) => done,
        },
        Ok(Command::Worker(worker)) => worker::run(worker).await.map_err(Stop::Failed),
        Ok(Command::Gateway { plan, book }) => gateway::run(plan, &book).await.map_err(Stop::Failed),
        Err(error) => Err(Stop::Usage(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(error)) => {
            eprintln!("checkout: {error}");
            ExitCode::FAILURE
        }
        Err(Stop::Usage(error)) => {
            eprintln!("checkout: {error}");
            ExitCode::from(2)
        }
        // What a shell says of a program that an interrupt has ended.
        Err(Stop::Interrupted) => ExitCode::from(130),
    }
}

async fn checkout(options: &Options) -> Result<(), Stop> {
    let seen = Seen::start();
    if let Some(file) = &options.picture {
        return draw(options, &seen, file).await;
    }
    let report = run(options, &seen).await?.report;
    println!("{report}");
    if options.json {
        println!("{}", serde_json::to_string(&report).map_err(std::io::Error::from)?);
    }
    Ok(())
}

/// Both modes, one after the other, and a picture of them.
async fn draw(options: &Options, seen: &Seen, file: &Path) -> Result<(), Stop> {
    // Now, and not after two runs, is the time to say that it cannot be written.
    let opened = fs::OpenOptions::new().append(true).create(true).open(file);
    opened.map_err(|error| Stop::Usage(format!("--picture: {}: {error}", file.display())))?;

    let protected = run(options, seen).await?;
    println!("{}\n", protected.report);
    seen.clear();
    let unprotected = run(&Options { unprotected: true, ..options.clone() }, seen).await?;
    println!("{}\n", unprotected.report);
    let title = format!(
        "{} orders, gateway faults: {}, seed {}",
        options.orders,
        options.plan.faults.name(),
        options.plan.seed
    );
    let panels = [protected.panel("Protected"), unprotected.panel("Unprotected")];
    fs::write(file, picture::svg(&title, options.plan, &panels))?;
    println!("The picture: {}", file.display());
    if options.json {
        let both = serde_json::json!({ "protected": protected.report, "unprotected": unprotected.report });
        println!("{both}");
    }
    Ok(())
}
