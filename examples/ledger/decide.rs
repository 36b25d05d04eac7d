//! What a person decides over a record, after a look at it.

use std::io::{self, IsTerminal};

use resilience::{Entry, EntryState, Operator};
use serde_json::Value;

use crate::say;
use crate::show;
use crate::stop::Stop;

pub(crate) async fn forget(operator: &Operator, entry: &Entry, yes: bool) -> Result<(), Stop> {
    let then = match entry.state {
        EntryState::Running => return Err(Stop::Failed("it is running; nothing was done".to_owned())),
        EntryState::Done | EntryState::ResultNotKept => "It was done: the next call DOES IT AGAIN.",
        _ => "The next call runs it, as if it had never been called.",
    };
    say(&format!("{}\nThis removes the record. {then}\n", show::card(entry)))?;
    confirmed(yes)?;
    // Of the fence that was shown: nobody decides over what he has not seen.
    if operator.forget(entry.key, entry.fence).await? { say("Forgotten.\n") } else { Err(changed()) }
}

pub(crate) async fn resolve(
    operator: &Operator,
    entry: &Entry,
    result: &Value,
    yes: bool,
) -> Result<(), Stop> {
    say(&show::card(entry))?;
    if entry.state != EntryState::InDoubt {
        return Err(Stop::Failed(
            "it is not in doubt, so there is nothing to resolve; nothing was done".to_owned(),
        ));
    }
    let returned = show::json(&result.to_string());
    say(&format!(
        "\nThis gives it a result. The next call runs nothing and returns:\n{returned}\
         If the function cannot read that as its result, each call fails with `Store`; then forget the record.\n"
    ))?;
    confirmed(yes)?;
    if operator.resolve(entry.key, entry.fence, result).await? { say("Resolved.\n") } else { Err(changed()) }
}

fn changed() -> Stop {
    Stop::Failed("the record has changed meanwhile; nothing was done, inspect it again".to_owned())
}

fn confirmed(yes: bool) -> Result<(), Stop> {
    if yes {
        return Ok(());
    }
    let refused = |why: &str| Err(Stop::Failed(format!("{why}nothing was done")));
    if !io::stdin().is_terminal() {
        return refused("there is no terminal to ask on, and no --yes; ");
    }
    say("yes? ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(|error| Stop::Failed(error.to_string()))?;
    if ["yes", "y"].contains(&answer.trim()) { Ok(()) } else { refused("") }
}
