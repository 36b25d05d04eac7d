//! The command line.

use std::path::PathBuf;

use crate::plan::{Faults, Plan};
use crate::shared::flags::Flags;

/// The hidden first arguments that make this program the gateway, or one process of the shop.
pub(crate) const GATEWAY: &str = "gateway";
pub(crate) const WORKER: &str = "worker";

pub(crate) const MOST_ORDERS: u64 = 100_000;
const MOST_WORKERS: u64 = 32;

pub(crate) const HELP: &str = "\
A checkout that charges orders, over HTTP, at a payment gateway that misbehaves.

usage: checkout [--orders N] [--seed N] [--faults none|mild|harsh] [--unprotected] [--json]
                [--dir DIR] [--backend URL] [--workers N] [--picture FILE]

  --orders N       how many orders, 1 to 100000 (1000; 50 arrive each second)
  --seed N         the same seed is the same orders and the same misbehaviour (1)
  --faults LEVEL   none, mild or harsh (harsh)
  --unprotected    the same requests without policies, ledger and idempotency key
  --json           the last line of standard output is one JSON object
  --dir DIR        keep the run in this folder: the same command goes on where it was stopped or killed
  --backend URL    where the shop keeps its ledger: memory:, file:PATH, postgres://... or redis://...
                   (file:DIR/ledger, or memory: without --dir)
  --workers N      run the shop as so many processes over one ledger, which is then on a server (1);
                   one that dies is started again
  --picture FILE   run protected, then unprotected, and draw both into an SVG file
  --help           this text
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Checkout(Options),
    Gateway { plan: Plan, book: PathBuf },
    Worker(Worker),
}

/// One process of the shop. Its backend comes in the environment, where no list of processes shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Worker {
    pub(crate) gateway: u16,
    pub(crate) run: String,
    pub(crate) unprotected: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) orders: u64,
    pub(crate) plan: Plan,
    pub(crate) unprotected: bool,
    pub(crate) json: bool,
    pub(crate) dir: Option<PathBuf>,
    pub(crate) backend: Option<String>,
    pub(crate) workers: u64,
    pub(crate) picture: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            orders: 1_000,
            plan: Plan { seed: 1, faults: Faults::Harsh },
            unprotected: false,
            json: false,
            dir: None,
            backend: None,
            workers: 1,
            picture: None,
        }
    }
}

/// Reads the arguments after the program's name. An error is one line for the person who typed them.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter().peekable();
    if args.next_if(|arg| arg == WORKER).is_some() {
        return worker(&mut args);
    }
    let is_gateway = args.next_if(|arg| arg == GATEWAY).is_some();
    let mut flags = Flags::new(args);
    let mut options = Options::default();
    let mut book = None;

    while let Some(flag) = flags.next() {
        match flag.as_str() {
            "--orders" => options.orders = flags.number(1, MOST_ORDERS)?,
            "--seed" => options.plan.seed = flags.number(0, u64::MAX)?,
            "--faults" => options.plan.faults = faults(&mut flags)?,
            "--unprotected" => options.unprotected = flags.switch()?,
            "--json" => options.json = flags.switch()?,
            "--dir" => options.dir = Some(flags.value("a folder")?.into()),
            "--backend" => options.backend = Some(flags.value("a URL such as memory: or redis://127.0.0.1")?),
            "--workers" => options.workers = flags.number(1, MOST_WORKERS)?,
            "--picture" => options.picture = Some(flags.value("a file")?.into()),
            "--help" | "-h" if flags.switch()? => return Ok(Command::Help),
            "--book" if is_gateway => book = Some(flags.value("a file")?.into()),
            _ => return Err(flags.unknown(FLAGS)),
        }
    }
    match (is_gateway, book) {
        (false, _) => checked(options).map(Command::Checkout),
        (true, Some(book)) => Ok(Command::Gateway { plan: options.plan, book }),
        (true, None) => Err("--book: missing; expected a file".to_owned()),
    }
}

const FAULTS: &str = "none, mild or harsh";
const FLAGS: &str =
    "--orders, --seed, --faults, --unprotected, --json, --dir, --backend, --workers, --picture or --help";

/// As the parent starts it.
fn worker(args: &mut impl Iterator<Item = String>) -> Result<Command, String> {
    let mut next = || args.next().ok_or("worker: it is started by the checkout".to_owned());
    let gateway = next()?.parse().map_err(|_| "worker: no port".to_owned())?;
    Ok(Command::Worker(Worker { gateway, run: next()?, unprotected: next()? == "unprotected" }))
}

fn checked(options: Options) -> Result<Options, String> {
    if options.picture.is_some() && (options.unprotected || options.dir.is_some()) {
        return Err(
            "--picture: is of two whole runs, one of each mode; expected neither --unprotected nor --dir"
                .into(),
        );
    }
    let on_a_server = |url: &String| !url.starts_with("memory:") && !url.starts_with("file:");
    if options.workers > 1 && !options.unprotected && !options.backend.as_ref().is_some_and(on_a_server) {
        return Err("--workers: several processes share a ledger on a server; \
                    expected --backend postgres://... or --backend redis://..."
            .into());
    }
    Ok(options)
}

fn faults(flags: &mut Flags<impl Iterator<Item = String>>) -> Result<Faults, String> {
    let value = flags.value(FAULTS)?;
    let known = Faults::ALL.into_iter().find(|faults| faults.name() == value);
    known.ok_or_else(|| flags.invalid(&value, FAULTS))
}

#[cfg(test)]
mod tests {
    use super::{Command, Faults, parse};
    use crate::shared::flags::words;

    #[test]
    fn flags_are_read() {
        let Ok(Command::Checkout(options)) = parse(words("--orders 20 --faults=mild --seed 7 --json")) else {
            panic!()
        };
        assert_eq!((options.orders, options.plan.seed, options.plan.faults), (20, 7, Faults::Mild));
        assert!(options.json && !options.unprotected);
        assert_eq!(parse(words("--help")), Ok(Command::Help));
    }

    #[test]
    fn bad_flags_say_what_was_expected() {
        for (line, said) in [
            ("--orders many", "--orders: \"many\" is not valid; expected a whole number from 1 to 100000"),
            ("--orders 0", "--orders: \"0\" is not valid; expected a whole number from 1 to 100000"),
            ("--faults some", "--faults: \"some\" is not valid; expected none, mild or harsh"),
            ("--faults", "--faults: no value; expected none, mild or harsh"),
            ("--json=yes", "--json: takes no value, got \"yes\""),
            ("--dir=", "--dir: no value; expected a folder"),
            (
                "--workers 3 --backend file:x",
                "--workers: several processes share a ledger on a server; \
                 expected --backend postgres://... or --backend redis://...",
            ),
            (
                "--picture a.svg --dir b",
                "--picture: is of two whole runs, one of each mode; expected neither --unprotected nor --dir",
            ),
        ] {
            assert_eq!(parse(words(line)), Err(said.to_owned()));
        }
        assert!(
            parse(words("--order 3"))
                .unwrap_err()
                .starts_with("\"--order\": no such argument; expected --orders,")
        );
    }
}
