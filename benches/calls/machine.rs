//! Where and with what it was measured.

use std::process::Command;

/// In the order in which it is shown.
pub(crate) fn about() -> Vec<(&'static str, String)> {
    let processors = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    vec![
        ("machine", format!("{}, {processors} processors", processor())),
        ("date", said(&["date", "-u", "+%F"])),
        ("compiler", said(&["rustc", "--version"])),
        ("commit", said(&["git", "rev-parse", "--short", "HEAD"])),
        ("command", "cargo xtask bench".to_owned()),
    ]
}

fn processor() -> String {
    let all = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = all.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

fn said(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
