//! A page that stays up while its dependencies do not: `cargo run --release --example storefront -- --help`.
//!
//! ```text
//! visitors  ->  shop  ->  six dependencies, of which three misbehave, one after the other
//! ```
//!
//! Read `shop` first: the annotated functions. The same visitors come a second time, to the same dependencies, and the
//! shop calls them without policies (`unprotected`). The table compares both.

mod args;
mod dependency;
mod page;
mod picture;
mod report;
mod run;
mod seen;
#[path = "../shared/mod.rs"]
mod shared;
mod shop;
mod table;
mod trouble;
mod unprotected;
mod visitors;

use std::fs;
use std::io;
use std::process::ExitCode;

use tokio::runtime::{Builder, Runtime};

use crate::args::{Command, Options};
use crate::run::{Mode, run};
use crate::seen::Seen;

fn main() -> ExitCode {
    let args = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned());
    match args::parse(args) {
        Ok(Command::Help) => print!("{}", args::HELP),
        Ok(Command::Storefront(options)) => {
            if let Err(error) = tokio(&options).and_then(|tokio| tokio.block_on(storefront(&options))) {
                eprintln!("storefront: {error}");
                return ExitCode::FAILURE;
            }
        }
        Err(error) => {
            eprintln!("storefront: {error}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn tokio(options: &Options) -> io::Result<Runtime> {
    if options.paused {
        fastrand::seed(options.plan.seed); // the jitter of the retries
        Builder::new_current_thread().enable_time().start_paused(true).build()
    } else {
        Builder::new_multi_thread().enable_time().build()
    }
}

/// Both runs, one after the other, and what there is to say of them.
async fn storefront(options: &Options) -> io::Result<()> {
    if let Some(file) = &options.picture {
        // Now, and not after two runs, is the time to say that it cannot be written.
        let opened = fs::OpenOptions::new().append(true).create(true).open(file);
        opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
    }
    let seen = Seen::start();
    let protected = run(Mode::Protected, options.plan, &seen).await;
    let unprotected = run(Mode::Unprotected, options.plan, &seen).await;

    println!("{}", table::Table { plan: options.plan, protected: &protected, unprotected: &unprotected });
    if let Some(file) = &options.picture {
        fs::write(file, picture::svg(options.plan, [&protected, &unprotected]))?;
        println!("\nThe picture: {}", file.display());
    }
    if options.json {
        let both = serde_json::json!({ "protected": protected.report, "unprotected": unprotected.report });
        println!("{both}");
    }
    Ok(())
}
