//! AWS Powertools for Python, over the same Redis, in one thread.

use std::path::Path;
use std::process::Command;

/// Prints its rates, or why there are none.
pub(crate) fn run(port: u16) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = here.join("../../target/powertools/bin/python");
    if !python.exists() {
        println!("\nAWS Powertools for Python: not installed; `cargo xtask bench fleet` does that");
        return;
    }
    let output = Command::new(python).arg(here.join("powertools.py")).args([&port.to_string(), "2"]).output();
    let output = output.expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rates: Vec<f64> = said.lines().filter_map(|line| line.parse().ok()).collect();
    let [first, again] = rates[..] else { panic!("{said}{}", String::from_utf8_lossy(&output.stderr)) };
    println!("\nRedis, AWS Powertools for Python 3, 1 thread");
    println!("  claim + complete                        ({first:>9.0} calls/s)");
    println!("  replay                                  ({again:>9.0} calls/s)");
}
