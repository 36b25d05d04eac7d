//! The servers that tests start: installed where that is possible.

use std::path::Path;
use std::process::{Command, Stdio};

use resilience_servers::{Kind, are_required};

/// The packages' own servers stay off: what it does says the script itself.
const INSTALL: &str = include_str!("install.sh");

/// Looks for the servers and installs those that are missing. It is an error if one is missing in the end where they
/// are required; elsewhere the tests that need it are skipped.
pub(crate) fn set_up() -> Result<(), String> {
    let packages: Vec<_> =
        Kind::ALL.into_iter().filter(|kind| kind.program().is_err()).map(Kind::package).collect();
    if !packages.is_empty() {
        install(&packages);
    }
    let mut missing = Vec::new();
    for kind in Kind::ALL {
        match kind.program() {
            Ok(program) => println!("    {}", program.display()),
            Err(error) => missing.push(error.to_string()),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join("; ");
    if are_required() {
        return Err(format!("{missing}\n  help: {}", by_hand(&packages)));
    }
    println!(
        "    {missing}: the tests that need it are skipped, and listed at the end\n    help: {}",
        by_hand(&packages)
    );
    Ok(())
}

/// Looks for a program, and installs its package if it is missing.
pub(crate) fn need(program: &str, package: &str) -> Result<(), String> {
    let is_there = || Command::new(program).arg("--version").output().is_ok();
    if !is_there() {
        install(&[package]);
    }
    if is_there() {
        Ok(())
    } else {
        Err(format!("{program} is missing\n  help: install the package `{package}` of your system"))
    }
}

/// Says so itself if it fails: what is missing then is looked for again.
fn install(packages: &[&str]) {
    if !Path::new("/usr/bin/apt-get").exists() {
        return;
    }
    // One that would ask for a password is no way.
    let ways: [&[&str]; 2] = [&["sh"], &["sudo", "-n", "sh"]];
    let Some(way) = ways.into_iter().find(|way| is_root(way)) else { return };
    println!("    apt-get install {}, with {}", packages.join(" "), way.join(" "));
    let status =
        Command::new(way[0]).args(&way[1..]).args(["-c", INSTALL, "install"]).args(packages).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => println!("    the installation ended with {status}"),
        Err(error) => println!("    {}: {error}", way[0]),
    }
}

fn is_root(shell: &[&str]) -> bool {
    let mut asked = Command::new(shell[0]);
    asked.args(&shell[1..]).args(["-c", "[ $(id -u) = 0 ]"]).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

fn by_hand(packages: &[&str]) -> String {
    if Path::new("/usr/bin/apt-get").exists() {
        return format!("sudo apt-get install {}", packages.join(" "));
    }
    "install PostgreSQL and Redis or Valkey, with postgres, initdb, psql and redis-server in PATH, and libfaketime".to_owned()
}
