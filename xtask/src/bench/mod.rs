//! `cargo xtask bench`: what policies cost at run time, in instructions, and in the compiler.

pub(crate) mod compile;
pub(crate) mod instructions;

use std::path::PathBuf;
use std::process::{Command, Output};

/// Where benches leave what they found.
fn folder() -> Result<PathBuf, String> {
    let folder = PathBuf::from("target/bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

/// Runs a program to its end; what it says, if it succeeds.
fn output(command: &mut Command) -> Result<Output, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{program} cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{program} ended with {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// The compiler that cargo uses here, in a line.
fn compiler() -> Result<String, String> {
    let version = output(Command::new("rustc").arg("--version"))?;
    Ok(String::from_utf8_lossy(&version.stdout).trim().to_owned())
}
