//! What happened to order 4711? Looks into a ledger and decides what is in doubt:
//! `cargo run --example ledger -- --help`.
//!
//! ```text
//! args  ->  open  ->  find  ->  show            (list, inspect)
//!                           ->  decide          (forget, resolve)
//! ```

mod args;
mod decide;
mod find;
mod json;
mod open;
mod show;
mod stop;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

use resilience::{Entry, Operator};

use crate::args::{Command, What};
use crate::stop::Stop;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned());
    let program = args.next().unwrap_or_else(|| "ledger".to_owned());
    let done = match args::parse(args) {
        Ok(Command::Help) => say(args::HELP),
        Ok(Command::Ledger { url, what }) => run(&program, url.as_deref(), what).await,
        Err(error) => Err(Stop::Usage(error)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(stop) => {
            eprintln!("ledger: {stop}");
            stop.code()
        }
    }
}

async fn run(program: &str, url: Option<&str>, what: What) -> Result<(), Stop> {
    let operator = open::open(url).await?.operator();
    let tool = words::command(program, url);
    match what {
        What::List { most, json } => list(&operator, &tool, most, json).await,
        What::Inspect { key, json } => inspect(&operator, &tool, &key, json).await,
        What::Forget { record, yes } => {
            let entry = find::one(&operator, &record).await?;
            decide::forget(&operator, &entry, yes).await
        }
        What::Resolve { record, result, yes } => {
            let entry = find::one(&operator, &record).await?;
            decide::resolve(&operator, &entry, &result, yes).await
        }
    }
}

async fn list(operator: &Operator, tool: &str, most: usize, json: bool) -> Result<(), Stop> {
    // All of them: what is unambiguous is so among all, and `most` is for the eyes.
    let doubts = operator.in_doubt(usize::MAX).await?;
    let shown = &doubts[..most.min(doubts.len())];
    let count = show::count(shown.len(), doubts.len());
    if json {
        say(&lines(shown))?;
        if shown.len() < doubts.len() {
            eprintln!("ledger: {count}");
        }
        return Ok(());
    }
    if doubts.is_empty() {
        return say("nothing is in doubt\n");
    }
    let table = show::table(shown, find::digits(&doubts));
    say(&format!("{table}\n{count} To see one, and how to decide:\n  {tool} inspect KEY\n"))
}

async fn inspect(operator: &Operator, tool: &str, key: &str, json: bool) -> Result<(), Stop> {
    let entries = find::all(operator, key).await?;
    if entries.is_empty() {
        return Err(find::nothing(key));
    }
    if json {
        return say(&lines(&entries));
    }
    let digits = find::digits(&operator.in_doubt(usize::MAX).await?);
    let cards = entries.iter().map(|entry| {
        let decisions = show::decisions(entry, tool, digits);
        format!("{}{decisions}", show::card(entry))
    });
    say(&cards.collect::<Vec<_>>().join("\n"))
}

fn lines(entries: &[Entry]) -> String {
    entries.iter().map(|entry| json::line(entry) + "\n").collect()
}

/// Standard output, all of it. Who reads no further, such as `head`, has seen enough.
fn say(text: &str) -> Result<(), Stop> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Stop::Failed(error.to_string())),
        _ => Ok(()),
    }
}
