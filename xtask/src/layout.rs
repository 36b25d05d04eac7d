//! A policy has the same file name everywhere.

use std::path::Path;

use resilience_policy::NAMES;

/// The pieces of a policy that are not there. Where a piece can be a file or a folder, either will do.
fn missing(name: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let pieces = [
        ("its parameters and ranges", vec![format!("resilience-policy/src/{name}.rs")]),
        ("its arguments and expansion", vec![format!("resilience-macros/src/policies/{name}.rs")]),
        (
            "its engine",
            vec![
                format!("resilience-runtime/src/{name}.rs"),
                format!("resilience-runtime/src/{name}/mod.rs"),
            ],
        ),
        ("its reference page", vec![format!("docs/policies/{name}.md")]),
        ("its behaviour tests", vec![format!("tests/{name}.rs"), format!("tests/{name}/main.rs")]),
        ("its compile errors", vec![format!("tests/ui/{name}")]),
    ];
    let gone = pieces.into_iter().filter(|(_, paths)| !paths.iter().any(|path| exists(path)));
    gone.map(|(what, paths)| format!("#[{name}] lacks {what}: {}", paths.join(" or "))).collect()
}

#[test]
fn every_policy_has_all_its_pieces() {
    let exists = |path: &str| crate::root().join(Path::new(path)).exists();
    let missing: Vec<_> = NAMES.iter().flat_map(|name| missing(name, exists)).collect();
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn a_missing_piece_is_named() {
    let found = missing("hedge", |path| !path.contains("docs") && path != "resilience-runtime/src/hedge.rs");
    assert_eq!(found, ["#[hedge] lacks its reference page: docs/policies/hedge.md"]);
    assert_eq!(missing("hedge", |_| false).len(), 6);
}

/// The line by which an example of the runtime speaks of the crate that people depend on. Nobody sees it.
const FACADE: &str = "# use resilience_runtime as resilience;";

/// The lines of examples that a reader could not use: what he depends on is `resilience`.
fn foreign(source: &str) -> Vec<&str> {
    let docs = source.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim)
    });
    docs.filter(|line| line.contains("resilience_runtime") && *line != FACADE).collect()
}

#[test]
fn examples_speak_of_the_crate_that_people_depend_on() {
    let sources = crate::root().join("resilience-runtime/src");
    let mut found = Vec::new();
    for file in files(&sources) {
        let source = std::fs::read_to_string(&file).expect("a source");
        found.extend(foreign(&source).into_iter().map(|line| format!("{}: {line}", file.display())));
    }
    assert!(found.is_empty(), "write `resilience::`, below a line `{FACADE}`:\n{}", found.join("\n"));
}

#[test]
fn a_line_that_a_reader_cannot_use_is_named() {
    let source = "/// use resilience_runtime::Retry;\n  /// # use resilience_runtime as resilience;\nuse resilience_runtime::X;\n";
    assert_eq!(foreign(source), ["use resilience_runtime::Retry;"]);
    assert_eq!(foreign("//! # use resilience_runtime::Retry;"), ["# use resilience_runtime::Retry;"]);
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
