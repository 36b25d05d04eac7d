//! The compile errors, word by word. `TRYBUILD=overwrite cargo test --test ui` writes them anew; read them then.

#[test]
fn compile_errors() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*/*.rs");
}

#[test]
fn sane_stacks() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui_pass/*.rs");
}
