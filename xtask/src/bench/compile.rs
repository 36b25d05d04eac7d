//! What annotated functions cost in the compiler: time, size, and how many can call one another. The crates that it compiles are
//! written for it, and differ in what stands on their functions.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{folder, output};

const FUNCTIONS: usize = 300;
const GROUP: usize = 10;
/// No chain without boxes is longer.
const LONGEST: usize = 40;

/// What stands on each function, and the body that is in place of policies.
struct Variant {
    name: &'static str,
    attributes: &'static str,
    by_hand: bool,
}

const VARIANTS: [Variant; 5] = [
    Variant { name: "plain", attributes: "", by_hand: false },
    Variant { name: "instrument", attributes: "#[tracing::instrument]", by_hand: false },
    Variant { name: "by hand", attributes: "", by_hand: true },
    Variant { name: "one timeout", attributes: "#[timeout(secs = 2)]", by_hand: false },
    Variant {
        name: "four policies",
        attributes: "#[timeout(secs = 2)] #[retry(attempts = 3, repeatable)] \
                     #[circuit_breaker] #[bulkhead(max = 64)]",
        by_hand: false,
    },
];

const MANIFEST: &str = r#"
[package]
name = "compiled"
version = "0.0.0"
edition = "2024"

[workspace]

[dependencies]
resilience = { path = "ROOT" }
thiserror = "2"
tokio = { version = "1", features = ["macros", "rt-multi-thread", "sync", "time"] }
tracing = "0.1"

[profile.release]
strip = true
"#;

const HEAD: &str = r#"#![allow(unused)]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use resilience::*;

#[derive(Debug, thiserror::Error, Failure)]
pub enum Fault {
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

static ROOM: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(64);
static FAILED: AtomicU64 = AtomicU64::new(0);

#[inline(never)]
async fn step(n: u64) -> Result<u64, Fault> {
    tokio::task::yield_now().await;
    if n == 7 { Err(Fault::Unreachable) } else { Ok(n) }
}
"#;

/// The four policies as one writes them: a timeout around a loop, a count of failures, and room for so many.
const BY_HAND: &str = r"{
    let all = async {
        let mut attempt = 0;
        loop {
            attempt += 1;
            if FAILED.load(Ordering::Relaxed) > 5 { return Err(Fault::Unreachable); }
            let Ok(room) = ROOM.try_acquire() else { return Err(Fault::Unreachable) };
            let result: Result<u64, Fault> = async BODY.await;
            drop(room);
            match result {
                Ok(value) => { FAILED.store(0, Ordering::Relaxed); return Ok(value); }
                Err(Fault::Unreachable) if attempt < 3 => {
                    FAILED.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
                }
                Err(error) => return Err(error),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(2), all).await.unwrap_or(Err(Fault::Unreachable))
}";

const BODY: &str = "{ let n = step(at.len() as u64 + NUMBER).await?; if n % 2 == 0 { return Ok(n); } \
                    let m = step(n).await?; Ok(n + m) }";

/// Measures, says so, and leaves a file.
pub(crate) fn measure() -> Result<(), String> {
    let place = Crate::new()?;
    let mut rows = Vec::new();
    println!(
        "    {FUNCTIONS} functions: processor seconds of check and of a release build, bytes of a future and of the program"
    );
    for variant in &VARIANTS {
        let row = place.functions(variant)?;
        println!(
            "    {:<16} {:>6.1} {:>6.1} {:>6} {:>10}",
            variant.name, row.check, row.release, row.future, row.program
        );
        rows.push((variant.name, row));
    }
    let mut chains = Vec::new();
    println!("    the longest chain of functions that compiles, each caller in front of its callee");
    for toolchain in ["", "+nightly"] {
        if !toolchain.is_empty() && output(Command::new("cargo").args([toolchain, "--version"])).is_err() {
            println!("    there is no {toolchain}");
            continue;
        }
        for variant in VARIANTS.iter().filter(|variant| !variant.by_hand) {
            let longest = place.longest(variant, toolchain)?;
            println!("    {:<16} {longest:>6} {toolchain}", variant.name);
            chains.push((variant.name, toolchain, longest));
        }
    }
    let file = folder()?.join("compile.json");
    fs::write(&file, json(&rows, &chains)).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("    {}", file.display());
    Ok(())
}

struct Row {
    check: f64,
    release: f64,
    future: u64,
    program: u64,
}

fn json(rows: &[(&str, Row)], chains: &[(&str, &str, usize)]) -> String {
    let row = |(name, Row { check, release, future, program }): &(&str, Row)| {
        format!(
            "{{\"name\":\"{name}\",\"check_s\":{check:.2},\"release_s\":{release:.2},\"future_bytes\":{future},\"program_bytes\":{program}}}"
        )
    };
    let chain = |(name, toolchain, longest): &(&str, &str, usize)| {
        format!("{{\"name\":\"{name}\",\"toolchain\":\"{toolchain}\",\"longest\":{longest}}}")
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let chains: Vec<_> = chains.iter().map(chain).collect();
    format!(
        "{{\"functions\":{FUNCTIONS},\"variants\":[{}],\"chains\":[{}]}}\n",
        rows.join(","),
        chains.join(",")
    )
}

/// The crate that is written anew for each question.
struct Crate {
    folder: PathBuf,
}

impl Crate {
    fn new() -> Result<Self, String> {
        let place = Self { folder: folder()?.join("compile") };
        let root = std::env::current_dir().map_err(|error| error.to_string())?;
        place.write("Cargo.toml", &MANIFEST.replace("ROOT", &root.display().to_string()))?;
        Ok(place)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let file = self.folder.join(name);
        let made =
            fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).and_then(|()| fs::write(&file, text));
        made.map_err(|error| format!("{}: {error}", file.display()))
    }

    fn functions(&self, variant: &Variant) -> Result<Row, String> {
        self.write("src/main.rs", &functions(variant))?;
        // The first time of each builds the dependencies.
        let [check, release] = ["check", "build --release"].map(|command| {
            self.processor_seconds(command)?;
            self.write("src/main.rs", &functions(variant))?;
            self.processor_seconds(command)
        });
        let program = self.folder.join("target/release/compiled");
        let future = output(&mut Command::new(&program))?.stdout;
        let future = String::from_utf8_lossy(&future).trim().parse().map_err(|_| "no size was printed")?;
        let program = fs::metadata(&program).map_err(|error| error.to_string())?.len();
        Ok(Row { check: check?, release: release?, future, program })
    }

    /// Of cargo and all that it starts, as the shell tells them.
    fn processor_seconds(&self, command: &str) -> Result<f64, String> {
        let script = format!("cargo {command} --quiet && times");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(&self.folder).env("CARGO_INCREMENTAL", "0");
        let told = output(&mut shell)?.stdout;
        seconds(&String::from_utf8_lossy(&told)).ok_or_else(|| "the shell told no times".to_owned())
    }

    fn longest(&self, variant: &Variant, toolchain: &str) -> Result<usize, String> {
        let (mut compiles, mut fails) = (0, LONGEST + 1);
        while fails - compiles > 1 {
            let middle = usize::midpoint(compiles, fails);
            self.write("src/main.rs", &chain(variant, middle))?;
            let mut cargo = Command::new("cargo");
            if !toolchain.is_empty() {
                cargo.arg(toolchain);
            }
            let status = cargo.args(["check", "--quiet"]).current_dir(&self.folder).output();
            if status.map_err(|error| error.to_string())?.status.success() {
                compiles = middle;
            } else {
                fails = middle;
            }
        }
        Ok(compiles)
    }
}

/// The sum of the second line of `times`, which is that of a shell's children: `0m1.25s 0m0.5s`.
fn seconds(told: &str) -> Option<f64> {
    let part = |part: &str| {
        let (minutes, seconds) = part.strip_suffix('s')?.split_once('m')?;
        Some(minutes.parse::<f64>().ok()? * 60.0 + seconds.parse::<f64>().ok()?)
    };
    told.lines().nth(1)?.split_whitespace().map(part).sum()
}

fn functions(variant: &Variant) -> String {
    let mut text = HEAD.to_owned();
    for number in 0..FUNCTIONS {
        let body = BODY.replace("NUMBER", &number.to_string());
        let body = if variant.by_hand { BY_HAND.replace("BODY", &body) } else { body };
        let _ = writeln!(
            text,
            "{}\npub async fn f{number}(at: &str) -> Result<u64, Fault> {body}",
            variant.attributes
        );
    }
    for group in 0..FUNCTIONS / GROUP {
        let calls =
            (0..GROUP).map(|call| format!("sum += f{}(\"x\").await.unwrap_or(1);", group * GROUP + call));
        let _ = writeln!(
            text,
            "async fn g{group}() -> u64 {{ let mut sum = 0; {} sum }}",
            calls.collect::<String>()
        );
    }
    let calls = (0..FUNCTIONS / GROUP).map(|group| format!("sum += Box::pin(g{group}()).await;"));
    let _ = writeln!(
        text,
        "#[tokio::main] async fn main() {{ let mut sum = 0; {} assert!(sum > 0); println!(\"{{}}\", size_of_val(&f0(\"x\"))); }}",
        calls.collect::<String>()
    );
    text
}

fn chain(variant: &Variant, length: usize) -> String {
    let mut text = HEAD.to_owned();
    for number in 0..length {
        let body = match number + 1 {
            last if last == length => "tokio::task::yield_now().await; Ok(at.len() as u64)".to_owned(),
            next => format!("f{next}(at).await.map(|sum| sum + 1)"),
        };
        let _ = writeln!(
            text,
            "{}\npub async fn f{number}(at: &str) -> Result<u64, Fault> {{ {body} }}",
            variant.attributes
        );
    }
    text.push_str("fn is_send<T: Send>(it: T) -> T { it }\nfn main() { drop(is_send(f0(\"x\"))); }\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shell_tells() {
        assert_eq!(seconds("0m0.00s 0m0.01s\n1m2.50s 0m0.25s\n"), Some(62.75));
        assert_eq!(seconds("nothing"), None);
    }

    #[test]
    fn the_last_of_a_chain_calls_nobody() {
        let text = chain(&VARIANTS[3], 2);
        assert!(text.contains("f1(at).await") && !text.contains("f2(at)"));
        assert_eq!(text.matches("#[timeout").count(), 2);
    }
}
