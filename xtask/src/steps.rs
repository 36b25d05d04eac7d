//! Steps, one after the other, up to the first that fails.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::skipped;

/// One thing to do, and its name in the summary.
pub(crate) struct Step {
    name: &'static str,
    action: Action,
}

enum Action {
    /// Runs cargo.
    Cargo { args: Vec<String>, env: Option<(&'static str, String)> },
    /// Looks for itself.
    Check(fn() -> Result<(), String>),
}

impl Step {
    pub(crate) fn cargo(name: &'static str, args: &[&str]) -> Self {
        Self { name, action: Action::Cargo { args: Vec::new(), env: None } }.args(args)
    }

    pub(crate) fn check(name: &'static str, check: fn() -> Result<(), String>) -> Self {
        Self { name, action: Action::Check(check) }
    }

    pub(crate) fn args(mut self, more: &[&str]) -> Self {
        if let Action::Cargo { args, .. } = &mut self.action {
            args.extend(more.iter().map(ToString::to_string));
        }
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: &str) -> Self {
        if let Action::Cargo { env, .. } = &mut self.action {
            *env = Some((name, value.to_owned()));
        }
        self
    }

    fn run(&self) -> Result<(), String> {
        println!("\n==> {self}");
        let (args, env) = match &self.action {
            Action::Check(check) => return check(),
            Action::Cargo { args, env } => (args, env),
        };
        let status = cargo().args(args).envs(env.iter().cloned()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("cargo ended with {status}")),
            Err(error) => Err(format!("cargo cannot be started: {error}")),
        }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name)?;
        if let Action::Cargo { args, env } = &self.action {
            let env = env.as_ref().map(|(name, value)| format!(" {name}=\"{value}\"")).unwrap_or_default();
            write!(f, ":{env} cargo {}", args.join(" "))?;
        }
        Ok(())
    }
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.env(resilience_servers::SKIPPED, skipped::list());
    cargo
}

pub(crate) fn has_nextest() -> bool {
    let asked = cargo().args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Runs the steps and sums them up.
pub(crate) fn run(steps: &[Step]) -> ExitCode {
    let mut summary = Vec::new();
    let mut failure = None;
    skipped::forget();
    for step in steps {
        if failure.is_some() {
            summary.push(format!("{:12} not run", step.name));
            continue;
        }
        let start = Instant::now();
        let result = step.run();
        let seconds = start.elapsed().as_secs_f64();
        let word = if result.is_ok() { "ok" } else { "FAILED" };
        summary.push(format!("{:12} {word} ({seconds:.1} s)", step.name));
        failure = result.err();
    }
    println!("\n{}", summary.join("\n"));
    if let Some(skipped) = skipped::told() {
        println!("\n{skipped}");
    }
    let Some(failure) = failure else { return ExitCode::SUCCESS };
    eprintln!("\nxtask: {failure}");
    ExitCode::FAILURE
}
