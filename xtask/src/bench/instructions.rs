//! Instructions of a call, counted by valgrind, beside those that are checked in. They hardly depend on the machine, where
//! nanoseconds do.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use super::{compiler, output};
use crate::servers;
use crate::steps::cargo;

const TABLE: &str = "benches/instructions/table.txt";
const CALLS: [u64; 2] = [2_000, 4_000];
/// By how many hundredths a case may be worse.
const SLACK: f64 = 3.0;

/// Instructions per call by case, and the compiler that made the code.
#[derive(Debug, PartialEq)]
struct Table {
    compiler: String,
    counts: BTreeMap<String, f64>,
}

/// Counts, and compares.
pub(crate) fn check() -> Result<(), String> {
    let now = count()?;
    let text = std::fs::read_to_string(TABLE).map_err(|error| format!("{TABLE}: {error}"))?;
    let then = Table::parse(&text)?;
    print!("{}", now.beside(&then));
    if now.compiler != then.compiler {
        println!("    nothing is compared: the table was made with {}", then.compiler);
        return Ok(());
    }
    let worse = now.worse_than(&then);
    if worse.is_empty() {
        return Ok(());
    }
    let help =
        "look for what a call does more, or write the table anew: cargo xtask bench instructions --write";
    Err(format!("{}\n  help: {help}", worse.join("\n")))
}

/// Counts, and writes the table anew.
pub(crate) fn write() -> Result<(), String> {
    let table = count()?;
    std::fs::write(TABLE, table.to_string()).map_err(|error| format!("{TABLE}: {error}"))
}

fn count() -> Result<Table, String> {
    servers::need("valgrind", "valgrind")?;
    output(cargo().args(["build", "--release", "--package=resilience-instructions"]))?;
    let program = "target/release/instructions";
    let cases = output(&mut Command::new(program))?.stdout;
    let mut counts = BTreeMap::new();
    for case in String::from_utf8_lossy(&cases).lines() {
        let [few, many] = CALLS.map(|calls| run(program, case, calls));
        let (few, many) = (few?, many?);
        #[allow(clippy::cast_precision_loss)] // far below the 52 bits
        let per_call = (many.saturating_sub(few)) as f64 / (CALLS[1] - CALLS[0]) as f64;
        println!("    {case}: {per_call:.0}");
        counts.insert(case.to_owned(), per_call);
    }
    Ok(Table { compiler: compiler()?, counts })
}

/// All instructions of a run.
fn run(program: &str, case: &str, calls: u64) -> Result<u64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", program, case]);
    let told = output(valgrind.arg(calls.to_string()))?.stderr;
    collected(&String::from_utf8_lossy(&told)).ok_or_else(|| format!("valgrind counted nothing of `{case}`"))
}

/// The count in `==7== Collected : 1234567`.
fn collected(told: &str) -> Option<u64> {
    let line = told.lines().find(|line| line.contains("Collected"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

impl Table {
    fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let compiler = lines.next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().to_owned();
        let row = |line: &str| {
            let (case, count) = line.rsplit_once(' ')?;
            Some((case.trim().to_owned(), count.parse().ok()?))
        };
        let counts = lines.map(|line| row(line).ok_or_else(|| format!("{TABLE}: no count in `{line}`")));
        Ok(Self { compiler, counts: counts.collect::<Result<_, _>>()? })
    }

    /// The cases that are worse than in another table, and those that it does not know.
    fn worse_than(&self, then: &Self) -> Vec<String> {
        let judge = |(case, now): (&String, &f64)| {
            let Some(then) = then.counts.get(case) else {
                return Some(format!("`{case}` is not in {TABLE}"));
            };
            let more = (now / then - 1.0) * 100.0;
            (more > SLACK)
                .then(|| format!("`{case}`: {now:.0} instructions in place of {then:.0}, {more:.1} % more"))
        };
        self.counts.iter().filter_map(judge).collect()
    }

    /// Each case by its share of the bare call, too.
    fn beside(&self, then: &Self) -> String {
        let bare = self.counts.get("bare").copied().unwrap_or(f64::NAN);
        let mut text =
            format!("    {:<38} {:>8} {:>8} {:>9}\n", "instructions of a call", "now", "table", "bare calls");
        for (case, now) in &self.counts {
            let known = then.counts.get(case).map_or_else(|| "-".to_owned(), |count| format!("{count:.0}"));
            let _ = writeln!(text, "    {case:<38} {now:>8.0} {known:>8} {:>9.1}", now / bare);
        }
        text
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "# {}", self.compiler)?;
        self.counts.iter().try_for_each(|(case, count)| writeln!(f, "{case} {count:.1}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(counts: &[(&str, f64)]) -> Table {
        let counts = counts.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect();
        Table { compiler: "rustc 1.0".to_owned(), counts }
    }

    #[test]
    fn what_valgrind_tells() {
        assert_eq!(collected("==7== Events : Ir\n==7== Collected : 1234567\n"), Some(1_234_567));
        assert_eq!(collected("==7== nothing"), None);
    }

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let table = table(&[("a stack, pending", 1234.5), ("bare", 20.0)]);
        assert_eq!(Table::parse(&table.to_string()), Ok(table));
        assert!(Table::parse("# rustc\nbare many").is_err());
    }

    #[test]
    fn more_than_three_hundredths_are_worse() {
        let then = table(&[("bare", 100.0), ("timeout", 500.0)]);
        assert!(table(&[("bare", 102.9), ("timeout", 400.0)]).worse_than(&then).is_empty());
        assert_eq!(table(&[("bare", 104.0), ("new", 1.0)]).worse_than(&then).len(), 2);
    }
}
