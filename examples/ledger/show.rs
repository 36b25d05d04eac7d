//! Records as text.

use std::fmt::Write;

use resilience::{Entry, EntryState};

use crate::json::indented;
use crate::words::{age, cut, plain};

/// What is in doubt, a line each.
pub(crate) fn table(entries: &[Entry], digits: usize) -> String {
    let head = ["age", "site", "key", "attempts", "fence", "stored key"].map(str::to_owned);
    let rows = entries.iter().map(|entry| {
        [
            age(entry.age),
            cut(&plain(&entry.site), 34),
            cut(&plain(&entry.text), 28),
            entry.attempt.to_string(),
            entry.fence.to_string(),
            entry.key.to_string()[..digits].to_owned(),
        ]
    });
    aligned(std::iter::once(head).chain(rows).collect(), &[3, 4])
}

/// How much of all that is in doubt was shown.
pub(crate) fn count(shown: usize, all: usize) -> String {
    match all {
        _ if shown < all => format!("{all} in doubt, the oldest {shown} shown; `--most {all}` shows all."),
        1 => "1 in doubt.".to_owned(),
        _ => format!("{all} in doubt, oldest first."),
    }
}

/// Those that one name stands for, with what tells them apart.
pub(crate) fn choice(entries: &[Entry]) -> String {
    let rows = entries
        .iter()
        .map(|entry| [entry.key.to_string(), state(entry.state).0.to_owned(), plain(&entry.site)]);
    let head = ["stored key", "state", "site"].map(str::to_owned);
    aligned(std::iter::once(head).chain(rows).collect(), &[])
}

/// Columns as wide as what is in them; numbers end where the others begin.
fn aligned<const N: usize>(rows: Vec<[String; N]>, numbers: &[usize]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().enumerate().map(|(column, cell)| match widths[column] {
            width if numbers.contains(&column) => format!("{cell:>width$}"),
            width => format!("{cell:<width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A state in plain words, and more of it.
fn state(state: EntryState) -> (&'static str, &'static str) {
    match state {
        EntryState::Running => ("running", ""),
        EntryState::InDoubt => ("in doubt", ": it was interrupted, nobody knows whether it took effect"),
        EntryState::Released => ("released", ": it may be run again"),
        EntryState::Done => ("done", ""),
        EntryState::ResultNotKept => ("done, result not kept", ": it could not be stored"),
        _ => ("unknown", " to this tool: it is older than the library"),
    }
}

/// What the next call with this key gets.
pub(crate) fn next_call(entry: &Entry) -> &'static str {
    match entry.state {
        EntryState::Running => "waits for the one that runs",
        EntryState::InDoubt if entry.at_most_once => {
            "every call gets `OutcomeUnknown` until somebody decides"
        }
        EntryState::InDoubt | EntryState::Released => "runs it again",
        EntryState::Done => "returns the result below, and runs nothing",
        EntryState::ResultNotKept => "gets `ResultNotKept`, and runs nothing",
        _ => "unknown",
    }
}

/// All that is known of one record.
pub(crate) fn card(entry: &Entry) -> String {
    let (name, more) = state(entry.state);
    let mut text = format!("{}  {}\n", plain(&entry.text), plain(&entry.site));
    for (name, value) in [
        ("state", format!("{name}{more}")),
        ("next call", next_call(entry).to_owned()),
        ("since", format!("{} ago", age(entry.age))),
        ("attempts", entry.attempt.to_string()),
        ("fence", entry.fence.to_string()),
        ("stored key", entry.key.to_string()),
    ] {
        // Into a string: it cannot fail.
        let _ = writeln!(text, "  {name:<12}{value}");
    }
    if let Some(result) = &entry.result {
        text.push_str("  result\n");
        text.push_str(&json(result));
    }
    text
}

/// Several lines, indented below their heading.
pub(crate) fn json(json: &str) -> String {
    indented(json).lines().flat_map(|line| ["    ".to_owned(), plain(line), "\n".to_owned()]).collect()
}

/// The two ways out of a doubt, ready to copy. The fence makes them void once the record has changed.
pub(crate) fn decisions(entry: &Entry, tool: &str, digits: usize) -> String {
    if entry.state != EntryState::InDoubt {
        return String::new();
    }
    let (key, fence) = (&entry.key.to_string()[..digits], entry.fence);
    format!(
        "
  It did not happen, and the next call shall run it:
    {tool} forget {key} --fence {fence}
  It did happen, and calls shall return this result:
    {tool} resolve {key} --fence {fence} 'RESULT AS JSON'
"
    )
}

#[cfg(test)]
mod tests;
