//! The table on the terminal while it is measured, and the files.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::{chart, machine};

#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) case: &'static str,
    pub(crate) candidate: &'static str,
    pub(crate) shape: &'static str,
    pub(crate) tasks: usize,
    /// Nanoseconds per call beside the bare body.
    #[serde(rename = "added_ns")]
    pub(crate) added: f64,
    pub(crate) allocations: f64,
}

#[derive(Serialize)]
struct Report<'a> {
    about: serde_json::Map<String, serde_json::Value>,
    rows: &'a [Row],
}

/// One case. The first candidate is ours, and the others are its multiples.
pub(crate) fn print(rows: &[Row]) {
    let Some(ours) = rows.first() else { return };
    println!("{}, {}, {} at a time (ns added, allocations, of ours)", ours.case, ours.shape, ours.tasks);
    for row in rows {
        let Row { candidate, added, allocations, .. } = row;
        println!("  {candidate:<38} {added:>7.0} {allocations:>5.1} {:>6.2}", added / ours.added);
    }
}

pub(crate) fn save(rows: &[Row]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    let about = machine::about();
    let report = Report {
        about: about.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect(),
        rows,
    };
    let json = serde_json::to_string_pretty(&report).expect("plain data");
    let saved = fs::create_dir_all(&folder)
        .and_then(|()| fs::write(folder.join("calls.json"), json))
        .and_then(|()| fs::write(folder.join("calls.svg"), chart::draw(rows, &about)));
    match saved {
        Ok(()) => println!("target/bench/calls.json, target/bench/calls.svg"),
        Err(error) => eprintln!("{}: {error}", folder.display()),
    }
}
