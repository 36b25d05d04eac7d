//! The compile errors of the feature `strict`. `TRYBUILD=overwrite cargo test --features strict --test ui_strict` writes
//! them anew; read them then.

#[test]
fn opinions() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui_strict/fail/*.rs");
    cases.pass("tests/ui_strict/pass/*.rs");
}
