//! The command line.

use std::str::FromStr;

use serde_json::Value;

use crate::find::Named;
use crate::json::has_rounded;

pub(crate) const VARIABLE: &str = "RESILIENCE_BACKEND";

pub(crate) const HELP: &str = "\
What happened to order 4711? Looks into a ledger, and decides what is in doubt.

usage: ledger [URL] list [--most N] [--json]
       ledger [URL] inspect KEY [--json]
       ledger [URL] forget KEY [--fence N] [--yes]
       ledger [URL] resolve KEY JSON [--fence N] [--yes]

  URL         where results are kept, such as file:./ledger, postgres://... or redis://...
              (the variable RESILIENCE_BACKEND)
  list        what is in doubt, oldest first
  inspect     all that is known of one operation, and how to decide
  forget      it did not happen: removes the record, and the next call runs
  resolve     it did happen: JSON is the result that the next call returns

  KEY         as written, such as 4711, or its last parts, below a scope: every record is looked at;
              or the stored key: its 64 digits, or the first 8 or more of what is in doubt
  --most N    how many to list (100)
  --json      one JSON object per line
  --fence N   decide only if this is still the record's fence
  --yes       do not ask
  --          what follows is no flag
  --help      this text

A ledger on disk has one owner. While the service runs, this is refused with the process that has it:
stop the service, or ask the running one, through `Runtime::operator()`.
";

#[derive(Debug, PartialEq)]
pub(crate) enum Command {
    Help,
    /// Without a URL, on the ledger that the variable names.
    Ledger {
        url: Option<String>,
        what: What,
    },
}

#[derive(Debug, PartialEq)]
pub(crate) enum What {
    List { most: usize, json: bool },
    Inspect { key: String, json: bool },
    Forget { record: Named, yes: bool },
    Resolve { record: Named, result: Value, yes: bool },
}

/// Reads the arguments after the program's name. An error is one line for the person who typed them.
pub(crate) fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter().peekable();
    let url = args.next_if(|arg| is_url(arg));
    let Some(typed) = Typed::read(args)? else { return Ok(Command::Help) };
    let what = what(&typed)?;
    if url.is_none() && std::env::var_os(VARIABLE).is_none() {
        return Err(format!(
            "no ledger; expected a URL first, such as file:./ledger, or the variable {VARIABLE}"
        ));
    }
    Ok(Command::Ledger { url, what })
}

/// A command has no colon.
fn is_url(arg: &str) -> bool {
    let scheme = arg.split_once(':').map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
}

/// What was typed after the URL.
#[derive(Default)]
struct Typed {
    words: Vec<String>,
    most: Option<usize>,
    fence: Option<u64>,
    json: bool,
    yes: bool,
}

impl Typed {
    /// Nothing, if help is what was asked for.
    fn read(mut args: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let mut typed = Self::default();
        while let Some(arg) = args.next() {
            if arg == "--" {
                typed.words.extend(args.by_ref());
            } else if arg == "--help" || arg == "-h" {
                return Ok(None);
            } else if arg.starts_with("--") {
                typed.flag(&arg, &mut args)?;
            } else {
                // `-5` is a result.
                typed.words.push(arg);
            }
        }
        Ok(Some(typed))
    }

    fn flag(&mut self, arg: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), String> {
        // Both `--most 7` and `--most=7`.
        let (flag, inline) = arg.split_once('=').map_or((arg, None), |(flag, value)| (flag, Some(value)));
        if let ("--json" | "--yes", Some(value)) = (flag, inline) {
            return Err(format!("{flag}: takes no value, got {value:?}"));
        }
        let mut value = || inline.map(str::to_owned).or_else(|| rest.next()).unwrap_or_default();
        match flag {
            "--most" => self.most = Some(number(flag, &value(), 1)?),
            "--fence" => self.fence = Some(number(flag, &value(), 0)?),
            "--json" => self.json = true,
            "--yes" => self.yes = true,
            _ => {
                return Err(format!(
                    "{arg:?}: no such argument; expected --most, --json, --fence, --yes or --help"
                ));
            }
        }
        Ok(())
    }

    /// Which flags a command takes.
    fn allows(&self, command: &str, flags: &[&str]) -> Result<(), String> {
        let given = [
            ("--most", self.most.is_some()),
            ("--fence", self.fence.is_some()),
            ("--json", self.json),
            ("--yes", self.yes),
        ];
        match given.iter().find(|(flag, is_given)| *is_given && !flags.contains(flag)) {
            Some((flag, _)) => Err(format!("{flag}: is not for {command}; expected {}", flags.join(" or "))),
            None => Ok(()),
        }
    }
}

fn what(typed: &Typed) -> Result<What, String> {
    let words: Vec<&str> = typed.words.iter().map(String::as_str).collect();
    let Some((&command, words)) = words.split_first() else {
        return Err(format!("no command; expected {COMMANDS}"));
    };
    let (expected, flags): (_, &[&str]) = match command {
        "list" => ("nothing after it", &["--most", "--json"]),
        "inspect" => ("one KEY", &["--json"]),
        "forget" => ("one KEY", &["--fence", "--yes"]),
        "resolve" => ("a KEY and its result as JSON", &["--fence", "--yes"]),
        _ => return Err(format!("{command:?}: no such command; expected {COMMANDS}")),
    };
    typed.allows(command, flags)?;
    let record = |key: &str| Named { key: key.to_owned(), fence: typed.fence };
    let (json, yes) = (typed.json, typed.yes);
    match (command, words) {
        ("list", []) => Ok(What::List { most: typed.most.unwrap_or(100), json }),
        (_, ["", ..]) => Err(format!("{command}: the key is empty; expected {expected}")),
        ("inspect", [key]) => Ok(What::Inspect { key: (*key).to_owned(), json }),
        ("forget", [key]) => Ok(What::Forget { record: record(key), yes }),
        ("resolve", [key, text]) => Ok(What::Resolve { record: record(key), result: result(text)?, yes }),
        _ => Err(format!("{command}: got {} arguments; expected {expected}", words.len())),
    }
}

const COMMANDS: &str = "list, inspect, forget or resolve";

fn result(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text).map_err(|error| {
        format!("{text:?} is not JSON ({error}); expected such as 42, '\"a text\"' or '{{\"order\":4711}}'")
    })?;
    if has_rounded(&value) {
        return Err(format!("{text:?} has a number that would be rounded here; use `Operator::resolve`"));
    }
    Ok(value)
}

fn number<N: FromStr + PartialOrd + From<u8>>(flag: &str, value: &str, min: u8) -> Result<N, String> {
    match N::from_str(value) {
        Ok(number) if number >= N::from(min) => Ok(number),
        _ => Err(format!("{flag}: {value:?} is not valid; expected a whole number from {min}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, Named, What, parse};

    fn parsed(args: &[&str]) -> Result<Command, String> {
        parse(args.iter().map(|arg| (*arg).to_owned()))
    }

    fn what(args: &[&str]) -> What {
        let url = "file:./ledger".to_owned();
        match parsed(&[&[url.as_str()], args].concat()) {
            Ok(Command::Ledger { url: read, what }) if read == Some(url) => what,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn commands_are_read() {
        assert_eq!(what(&["list"]), What::List { most: 100, json: false });
        assert_eq!(what(&["list", "--most=7", "--json"]), What::List { most: 7, json: true });
        assert_eq!(what(&["inspect", "a:b"]), What::Inspect { key: "a:b".to_owned(), json: false });
        assert_eq!(
            what(&["inspect", "--", "--json"]),
            What::Inspect { key: "--json".to_owned(), json: false }
        );
        let record = |fence| Named { key: "4711".to_owned(), fence };
        assert_eq!(what(&["forget", "4711"]), What::Forget { record: record(None), yes: false });
        assert_eq!(
            what(&["resolve", "--fence", "3", "4711", "-5", "--yes"]),
            What::Resolve { record: record(Some(3)), result: (-5).into(), yes: true }
        );
        assert_eq!(parsed(&["--help"]), Ok(Command::Help));
        assert_eq!(parsed(&["file:x", "forget", "-h"]), Ok(Command::Help));
    }

    #[test]
    fn bad_arguments_say_what_was_expected() {
        for (args, said) in [
            (&["x:"][..], "no command; expected list, inspect, forget or resolve"),
            (
                &["./ledger", "list"],
                "\"./ledger\": no such command; expected list, inspect, forget or resolve",
            ),
            (&["x:", "list", "4711"], "list: got 1 arguments; expected nothing after it"),
            (&["x:", "inspect"], "inspect: got 0 arguments; expected one KEY"),
            (&["x:", "inspect", ""], "inspect: the key is empty; expected one KEY"),
            (&["x:", "list", "--most", "0"], "--most: \"0\" is not valid; expected a whole number from 1"),
            (&["x:", "forget", "1", "--fence"], "--fence: \"\" is not valid; expected a whole number from 0"),
            (&["x:", "list", "--json=1"], "--json: takes no value, got \"1\""),
            (&["x:", "list", "--yes"], "--yes: is not for list; expected --most or --json"),
            (&["x:", "resolve", "1"], "resolve: got 1 arguments; expected a KEY and its result as JSON"),
            (
                &["x:", "resolve", "1", "ok"],
                "\"ok\" is not JSON (expected value at line 1 column 1); expected such as 42, '\"a text\"' or \
                 '{\"order\":4711}'",
            ),
        ] {
            assert_eq!(parsed(args), Err(said.to_owned()));
        }
    }
}
