//! `cargo xtask`: what CI runs, with nothing but rustup.

mod bench;
#[cfg(test)]
mod layout;
mod powertools;
mod rules;
mod servers;
mod skipped;
mod smoke;
mod steps;

use std::path::Path;
use std::process::ExitCode;

use steps::Step;

const USAGE: &str = "\
usage: cargo xtask <command>

  test [FILTER...]   servers, the rule pages, then unit, behaviour, UI and doc tests
                     (with cargo-nextest if it is installed, with cargo test if not)
  servers            looks for PostgreSQL and Redis or Valkey, which tests start, and installs them
                     from the system's packages where it may (as root or by sudo, with apt-get)
  ci                 servers, then fmt, clippy and docs with warnings as errors, then test, then
                     what only an optimised build can measure
  smoke              the checkout example: no order charged twice, none lost
  rules [--check]    writes docs/rules from the rule book, or compares them with it
  soak [SECONDS]     every policy at the machine's full rate, for ten minutes: nobody holds anything
                     afterwards, and memory is flat
  fleet [SECONDS]    three processes over one ledger while everything goes wrong at random, for a minute on
                     PostgreSQL and a minute on Redis; SEED=... repeats a storm
  loom               the model test of the lock-free parts (slow)
  bench              what policies add to a call, beside the same by hand and by other crates: a table,
                     target/bench/calls.json, target/bench/calls.svg
  bench ledgers      ledgers and rate limits beside their peers
  bench instructions the instructions of a call, counted by valgrind, beside those of the table that is
                     checked in: an error where one is 3 % worse; --write makes the table anew
  bench compile      300 annotated functions in the compiler, and the longest chain of them
  bench fleet        the ledgers on servers beside statements by hand and their peers, one of which is
                     installed with Python's pip
";

/// One build for nearly every test: the default features, headers, and paused time.
const FEATURES: &str = "--features=resilience/test-util,resilience/http";
/// The error types of other crates, apart: the compiler lists all who implement a trait, and the golden files are its
/// words.
const FOREIGN: &str = "--features=resilience-runtime/anyhow,resilience-runtime/reqwest,resilience-runtime/sqlx,\
                       resilience-runtime/tonic,resilience-runtime/http";
/// The edge of HTTP, apart for the same reason.
const EDGE: &str = "--features=resilience/test-util,resilience/axum,resilience/reqwest";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let Err(error) = std::env::set_current_dir(root()) {
        eprintln!("xtask: {}: {error}", root().display());
        return ExitCode::FAILURE;
    }
    match args.as_slice() {
        ["test", filters @ ..] => steps::run(&test(filters)),
        ["ci"] => steps::run(&ci()),
        ["servers"] => steps::run(&[servers()]),
        ["smoke"] => steps::run(&[Step::check("checkout", smoke::run)]),
        ["rules"] => steps::run(&[Step::check("rule pages", rules::write)]),
        ["rules", "--check"] => steps::run(&[Step::check("rule pages", rules::check)]),
        ["soak"] => steps::run(&[soak("600")]),
        ["soak", seconds] if seconds.parse::<u32>().is_ok() => steps::run(&[soak(seconds)]),
        ["fleet"] => steps::run(&[servers(), fleet("60")]),
        ["fleet", seconds] if seconds.parse::<u32>().is_ok() => steps::run(&[servers(), fleet(seconds)]),
        ["loom"] => steps::run(&[loom()]),
        ["bench"] => steps::run(&[peers("calls", "bench").args(&["--bench=calls"])]),
        ["bench", "ledgers"] => steps::run(&[
            peers("benches beside peers", "bench").args(&["--bench=ledger", "--bench=rate_limit"])
        ]),
        ["bench", "instructions"] => steps::run(&[instructions()]),
        ["bench", "instructions", "--write"] => {
            steps::run(&[Step::check("instructions", bench::instructions::write)])
        }
        ["bench", "compile"] => steps::run(&[Step::check("compile", bench::compile::measure)]),
        ["bench", "fleet"] => steps::run(&bench_fleet()),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The root of the repository.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

fn test(filters: &[&str]) -> Vec<Step> {
    let mut steps = vec![servers()];
    steps.extend(tests(filters));
    steps
}

fn servers() -> Step {
    Step::check("servers", servers::set_up)
}

fn tests(filters: &[&str]) -> Vec<Step> {
    let tests = ["--workspace", "--lib", "--bins", "--tests", "--examples", FEATURES];
    let run = if steps::has_nextest() {
        // A filter may be meant for the doc tests alone.
        let none = if filters.is_empty() { "--no-tests=fail" } else { "--no-tests=pass" };
        Step::cargo("tests", &["nextest", "run", none]).args(&tests)
    } else {
        Step::cargo("tests", &["test"]).args(&tests)
    };
    vec![
        Step::check("rule pages", rules::check),
        run.args(&["--"]).args(filters),
        Step::cargo(
            "errors of other crates",
            &["test", "-p", "resilience-runtime", "--lib", FOREIGN, "--", "foreign", "propagation::status"],
        ),
        Step::cargo("the edge of HTTP", &["test", "-p", "resilience", EDGE, "--test=http_edge", "--"])
            .args(filters),
        Step::cargo(
            "units of the edge",
            &["test", "-p", "resilience-runtime", "--features=test-util,axum", "--lib", "server"],
        ),
        Step::cargo("opinions", &["test", "--features=strict", "--test=ui_strict", "--"]).args(filters),
        Step::cargo("doc tests", &["test", "--doc", "--workspace", FEATURES, EDGE, "--"]).args(filters),
    ]
}

fn ci() -> Vec<Step> {
    let mut steps = vec![
        servers(),
        Step::cargo("fmt", &["fmt", "--all", "--check"]),
        Step::cargo(
            "clippy",
            &["clippy", "--workspace", "--all-targets", FEATURES, FOREIGN, EDGE, "--", "-D", "warnings"],
        ),
        peers("benches", "check").args(&["--benches"]),
        Step::cargo("docs", &["doc", "--workspace", "--no-deps", FEATURES, FOREIGN, EDGE])
            .env("RUSTDOCFLAGS", "-D warnings"),
    ];
    steps.extend(tests(&[]));
    steps.push(rates());
    steps.push(instructions());
    steps
}

fn instructions() -> Step {
    Step::check("instructions", bench::instructions::check)
}

/// The peer in Python has an environment of its own; without Python the others are measured.
fn bench_fleet() -> Vec<Step> {
    vec![
        servers(),
        Step::check("peers in Python", powertools::set_up),
        peers("benches of a fleet", "bench").args(&["--bench=fleet"]),
    ]
}

/// One of the peers names a newer compiler than ours, and builds with ours all the same.
fn peers(name: &'static str, command: &str) -> Step {
    Step::cargo(name, &[command, "--manifest-path=benches/peers/Cargo.toml", "--target-dir=target"])
        .args(&["--ignore-rust-version"])
}

fn soak(seconds: &str) -> Step {
    Step::cargo("soak", &["test", "--release", "--package=resilience", "--test=soak", "--", "--nocapture"])
        .env("RESILIENCE_SOAK_SECONDS", seconds)
}

/// What a build without optimisation cannot measure.
fn rates() -> Step {
    Step::cargo("rates", &["test", "--release", "--package=resilience-fleet", "--test=faults", "--"])
        .args(&["callers_are_no_slower", "--test-threads=1"])
}

fn fleet(seconds: &str) -> Step {
    Step::cargo("fleet", &["test", "--package=resilience-fleet", FEATURES, "--test=faults", "--"])
        .args(&["storm", "--nocapture", "--test-threads=1"])
        .env("FLEET_SECONDS", seconds)
}

/// A folder of its own: other flags would rebuild everything else.
fn loom() -> Step {
    Step::cargo("loom", &["test", "--package=resilience-runtime", "--release", "--lib"])
        .args(&["--target-dir=target/loom", "loom"])
        .env("RUSTFLAGS", "--cfg resilience_loom")
}
