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
