//! An example as a program, for the tests that run one.

use std::path::PathBuf;
use std::process::Command;

/// The example, built as this test was. Cargo builds it for a test only where nobody names targets, so one that is
/// there may be old.
pub(crate) fn build(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.ancestors().nth(2).expect("target/debug");
    let name = profile.file_name().and_then(|name| name.to_str()).filter(|name| *name != "debug");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--example", example, "--profile", name.unwrap_or("dev")]);
    if cfg!(feature = "test-util") {
        build.arg("--features=test-util");
    }
    let status = build.arg("--target-dir").arg(profile.parent().expect("target")).status();
    assert!(status.expect("cargo starts").success(), "the example does not build");
    profile.join("examples").join(example)
}
