//! Opens the ledger that a URL names, if there is one.

use std::fs;

use resilience::Runtime;

use crate::args::VARIABLE;
use crate::stop::Stop;

/// Without a URL, the one in `RESILIENCE_BACKEND`.
pub(crate) async fn open(url: Option<&str>) -> Result<Runtime, Stop> {
    let named = match url {
        Some(url) => url.to_owned(),
        None => std::env::var(VARIABLE).unwrap_or_default(),
    };
    exists(&named)?;
    // The library names the variable in its message.
    let opened = match url {
        Some(url) => Runtime::open(url).await,
        None => Runtime::from_env().await,
    };
    Ok(opened?)
}

/// A service makes a ledger where nothing is. Here that would say of a misspelt folder that nothing is in doubt.
fn exists(url: &str) -> Result<(), Stop> {
    let absent = |why: &str| Err(Stop::Failed(format!("`{url}`: {why}")));
    match url.split_once(':') {
        Some(("memory", _)) => absent(
            "results in memory are in the service's own process: ask it there, through `Runtime::operator()`",
        ),
        Some(("file", path)) if !path.is_empty() => {
            let path = path.strip_prefix("//").unwrap_or(path);
            match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    absent("no such folder, so no ledger")
                }
                Ok(true) => absent("the folder is empty: no ledger is there"),
                // What else is wrong with it, the library says.
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::exists;

    #[test]
    fn no_ledger_is_no_empty_ledger() {
        let said = |url| exists(url).unwrap_err().to_string();
        assert!(said("memory:").contains("ask it there, through `Runtime::operator()`"));
        assert_eq!(said("file:/no/such"), "`file:/no/such`: no such folder, so no ledger");
        assert_eq!(said("file:///no/such"), "`file:///no/such`: no such folder, so no ledger");
        assert_eq!(exists(concat!("file:", env!("CARGO_MANIFEST_DIR"))), Ok(()));
        assert_eq!(exists("redis://x"), Ok(()), "the library's to refuse");
    }
}
