//! The main promise, kept by a real run.

use std::process::Stdio;

use crate::steps::cargo;

const RUN: &[&str] =
    &["run", "--release", "--example=checkout", "--", "--orders=200", "--seed=1", "--faults=harsh", "--json"];

/// Runs the checkout example and reads the last line of its output.
pub(crate) fn run() -> Result<(), String> {
    println!("    cargo {}", RUN.join(" "));
    let output = cargo().args(RUN).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cargo cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    if !output.status.success() {
        return Err(format!("the checkout ended with {}", output.status));
    }
    judge(text.lines().last().unwrap_or_default())
}

fn judge(line: &str) -> Result<(), String> {
    for name in ["double_charged", "lost"] {
        match number(line, name) {
            Some(0) => {}
            Some(count) => return Err(format!("`{name}` is {count}, and must be 0")),
            None => return Err(format!("the last line of output has no number `{name}`: {line}")),
        }
    }
    Ok(())
}

/// The whole number behind `"name":` in a flat JSON object.
fn number(object: &str, name: &str) -> Option<u64> {
    let (_, rest) = object.split_once(&format!("\"{name}\":"))?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_judged() {
        assert_eq!(judge(r#"{"orders":200,"double_charged":0,"lost": 0}"#), Ok(()));
        assert_eq!(judge(r#"{"double_charged":0,"lost":3}"#), Err("`lost` is 3, and must be 0".to_owned()));
        assert!(judge(r#"{"double_charged":0}"#).is_err());
        assert!(judge("").is_err());
    }
}
