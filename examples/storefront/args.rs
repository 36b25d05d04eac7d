//! The command line.

use std::path::PathBuf;

use crate::shared::flags::Flags;
use crate::trouble::Plan;

pub(crate) const HELP: &str = "\
A page of six parts, of whose dependencies three misbehave: once with policies, and once without.

usage: storefront [--seconds N] [--seed N] [--json] [--picture FILE] [--paused]

  --seconds N      how long visitors arrive in each of the two runs, 5 to 600 (20; 100 arrive each second)
  --seed N         the same seed is the same misbehaviour (1)
  --json           the last line of standard output is one JSON object
  --picture FILE   draw both runs into an SVG file
  --paused         in tokio's paused time, where no wait takes long (needs the feature test-util)
  --help           this text
";

const FLAGS: &str = "--seconds, --seed, --json, --picture, --paused or --help";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Storefront(Options),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) plan: Plan,
    pub(crate) json: bool,
    pub(crate) picture: Option<PathBuf>,
    pub(crate) paused: bool,
}

/// Reads the arguments after the program's name. An error is one line for the person who typed them.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut flags = Flags::new(args.into_iter());
    let plan = Plan { seed: 1, seconds: 20 };
    let mut options = Options { plan, json: false, picture: None, paused: false };
    while let Some(flag) = flags.next() {
        match flag.as_str() {
            "--seconds" => options.plan.seconds = flags.number(5, 600)?,
            "--seed" => options.plan.seed = flags.number(0, u64::MAX)?,
            "--json" => options.json = flags.switch()?,
            "--picture" => options.picture = Some(flags.value("a file")?.into()),
            "--paused" => options.paused = flags.switch()?,
            "--help" | "-h" if flags.switch()? => return Ok(Command::Help),
            _ => return Err(flags.unknown(FLAGS)),
        }
    }
    if options.paused && !cfg!(feature = "test-util") {
        return Err(
            "--paused: needs the feature test-util; expected --features=test-util after cargo run".into()
        );
    }
    Ok(Command::Storefront(options))
}

#[cfg(test)]
mod tests {
    use super::{Command, parse};
    use crate::shared::flags::words;

    #[test]
    fn flags_are_read() {
        let Ok(Command::Storefront(options)) = parse(words("--seconds 9 --seed=7 --json")) else { panic!() };
        assert_eq!((options.plan.seconds, options.plan.seed, options.json), (9, 7, true));
        assert_eq!(parse(words("--help")), Ok(Command::Help));
        let short = "--seconds: \"1\" is not valid; expected a whole number from 5 to 600";
        assert_eq!(parse(words("--seconds=1")), Err(short.to_owned()));
    }
}
