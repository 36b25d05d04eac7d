//! The tests that did not run because their server is missing, by name.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Where they are told to add their names.
pub(crate) fn list() -> PathBuf {
    crate::root().join("target/skipped-tests")
}

/// Forgets those of the last run.
pub(crate) fn forget() {
    let _ = fs::create_dir_all(crate::root().join("target")); // a test that cannot add its name fails
    let _ = fs::remove_file(list()); // there was none
}

/// Those of this run, in a text for the end.
pub(crate) fn told() -> Option<String> {
    summary(&fs::read_to_string(list()).unwrap_or_default())
}

/// A test that was run in several steps is named once.
fn summary(list: &str) -> Option<String> {
    let tests: BTreeSet<_> = list.lines().collect();
    let head = format!("SKIPPED, as servers are missing: {}", tests.len());
    let lines: Vec<_> = std::iter::once(head.as_str()).chain(tests.iter().copied()).collect();
    (!tests.is_empty()).then(|| lines.join("\n    "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_once() {
        assert_eq!(summary(""), None);
        let told = "SKIPPED, as servers are missing: 2\n    a::b: no Redis\n    c: no Redis";
        assert_eq!(summary("c: no Redis\na::b: no Redis\nc: no Redis\n").as_deref(), Some(told));
    }
}
