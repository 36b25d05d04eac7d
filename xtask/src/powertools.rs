//! AWS Powertools for Python, a peer of the ledger on Redis: in an environment of its own below `target`.

use std::path::Path;
use std::process::Command;

const FOLDER: &str = "target/powertools";
/// What its layer over Redis needs, and what it imports without need.
const PACKAGES: [&str; 2] = ["aws-lambda-powertools[redis]==3.37.0", "boto3"];

/// Without Python, or without its packages, it says so: the bench goes on without them.
pub(crate) fn set_up() -> Result<(), String> {
    let python = format!("{FOLDER}/bin/python");
    if Path::new(&python).exists() {
        return Ok(());
    }
    for (program, args) in [
        ("python3", &["-m", "venv", FOLDER][..]),
        (&python, &["-m", "pip", "install", "--quiet", PACKAGES[0], PACKAGES[1]]),
    ] {
        if !Command::new(program).args(args).status().is_ok_and(|status| status.success()) {
            println!("    `{program} {}` failed: the bench goes on without it", args.join(" "));
            let _ = std::fs::remove_dir_all(FOLDER);
            break;
        }
    }
    Ok(())
}
