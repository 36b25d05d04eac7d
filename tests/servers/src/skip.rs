//! A test whose server is missing is skipped, by name; where servers are required it fails.

use std::fs::OpenOptions;
use std::io::Write;

use crate::Kind;

/// The variable with the path of the file that takes the names of skipped tests. `cargo xtask test` sets it.
pub const SKIPPED: &str = "RESILIENCE_SKIPPED_TESTS";

/// Returns from the test if one of its servers is missing, and has its name listed; panics where servers are required.
///
/// ```
/// # fn a_test() {
/// resilience_servers::need!(Postgres, Redis);
/// # }
/// ```
#[macro_export]
macro_rules! need {
    ($($kind:ident),+ $(,)?) => {{
        // The type of a function within has the path of the test in its name, also in the block of an asynchronous one.
        fn here() {}
        let here = ::std::any::type_name_of_val(&here);
        if !$crate::can_run(::core::env!("CARGO_PKG_NAME"), here, &[$($crate::Kind::$kind),+]) {
            return;
        }
    }};
}

/// What [`need!`] asks.
#[doc(hidden)]
pub fn can_run(package: &str, here: &str, kinds: &[Kind]) -> bool {
    let Some(missing) = kinds.iter().find_map(|kind| kind.program().err()) else { return true };
    let test = here.trim_end_matches("::here").trim_end_matches("::{{closure}}");
    assert!(!are_required(), "{missing}; `cargo xtask servers` sets it up");
    let line = format!("{package}::{test}: {missing}\n");
    eprint!("skipped {line}");
    if let Some(path) = std::env::var_os(SKIPPED) {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    false
}

/// Whether a missing server is a failure: where `CI` or `RESILIENCE_REQUIRE_SERVERS` is set, and not to `0` or `false`.
pub fn are_required() -> bool {
    ["CI", "RESILIENCE_REQUIRE_SERVERS"]
        .iter()
        .filter_map(std::env::var_os)
        .any(|value| !value.is_empty() && value != "0" && value != "false")
}
