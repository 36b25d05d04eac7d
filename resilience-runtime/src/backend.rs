//! What the URL of a backend names.

use std::sync::Arc;

use crate::ledger::memory::{MemoryLedger, USUAL_BYTES, USUAL_CAPACITY};
use crate::ledger::{Ledger, LedgerError};
use crate::quota::Quotas;
use crate::quota::memory::MemoryQuotas;

/// The stores behind a runtime.
#[derive(Clone)]
pub(crate) struct Backend {
    /// For the eyes of whoever prints a runtime.
    pub(crate) name: &'static str,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) memory: Option<Arc<MemoryLedger>>,
    pub(crate) quotas: Arc<dyn Quotas>,
}

impl Backend {
    pub(crate) fn memory(capacity: usize, bytes: usize) -> Self {
        let memory = Arc::new(MemoryLedger::new(capacity, bytes));
        let ledger = Arc::clone(&memory) as Arc<dyn Ledger>;
        Self { memory: Some(memory), ..Self::here("memory", ledger) }
    }

    /// A ledger that the program brought along.
    pub(crate) fn own(ledger: Arc<dyn Ledger>) -> Self {
        Self::here("own", ledger)
    }

    /// A ledger that counts no limits: they are counted in this process.
    fn here(name: &'static str, ledger: Arc<dyn Ledger>) -> Self {
        Self { name, ledger, memory: None, quotas: Arc::new(MemoryQuotas::default()) }
    }

    /// A server that keeps both.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    fn server(name: &'static str, server: Arc<impl Ledger + Quotas + 'static>) -> Self {
        Self { name, ledger: Arc::clone(&server) as Arc<dyn Ledger>, memory: None, quotas: server }
    }

    pub(crate) async fn open(url: &str) -> Result<Self, OpenError> {
        let because = |why: String| OpenError { variable: None, url: without_password(url), why };
        match url.split_once(':') {
            Some(("memory", "")) => Ok(Self::memory(USUAL_CAPACITY, USUAL_BYTES)),
            Some(("file", path)) => {
                // A path may hold a `?`: what follows the last one are options, or nothing.
                let (path, options) = path.rsplit_once('?').unwrap_or((path, ""));
                let path = folder(path).map_err(|why| because(why.to_owned()))?;
                durable(path.to_owned(), options).await.map_err(|error| because(error.why))
            }
            Some(("postgres" | "postgresql", _)) => postgres(url).await.map_err(|error| because(error.why)),
            Some((scheme, _)) if is_redis(scheme) => redis(url).await.map_err(|error| because(error.why)),
            _ => Err(because(EXPECTED.to_owned())),
        }
    }
}

const EXPECTED: &str = "expected `memory:` (results are kept in memory and end with the process), `file:PATH` (they are \
                        kept in that folder), `postgres://USER@HOST/DATABASE` or `redis://HOST` (on that server)";

/// The path of `file:PATH`, as written; `file:///PATH` is the same.
fn folder(path: &str) -> Result<&str, &'static str> {
    let path = match path.strip_prefix("//") {
        Some(path) if !path.starts_with('/') => {
            return Err("a ledger on disk is on this machine: `file:PATH`, or `file:///PATH` from the root");
        }
        Some(path) => path,
        None => path,
    };
    if path.is_empty() { Err("no path; expected a folder, as in `file:./ledger`") } else { Ok(path) }
}

#[cfg(feature = "durable")]
async fn durable(path: String, options: &str) -> Result<Backend, LedgerError> {
    use crate::ledger::durable::{DurableLedger, timeout};

    let timeout = timeout(options)?;
    let opened = tokio::task::spawn_blocking(move || DurableLedger::open(path.as_ref(), timeout)).await;
    // The store panics on some of the files that it did not write.
    let ledger = opened.map_err(|error| LedgerError::new(format!("its files are damaged: {error}")))??;
    Ok(Backend::here("durable", Arc::new(ledger)))
}

#[cfg(not(feature = "durable"))]
#[allow(clippy::unused_async)] // as the other one
async fn durable(_: String, _: &str) -> Result<Backend, LedgerError> {
    Err(LedgerError::new("this program was built without the feature `durable` of `resilience`".to_owned()))
}

/// Connections are driven where they are made, and outlive the tokio runtime of whoever opens the ledger.
#[cfg(any(feature = "postgres", feature = "redis"))]
async fn in_background<T: Send + 'static>(
    open: impl Future<Output = Result<T, LedgerError>> + Send + 'static,
) -> Result<T, LedgerError> {
    let opened = crate::background::spawn(open).await;
    opened.unwrap_or_else(|ended| Err(LedgerError::new(format!("the task that opens it has ended: {ended}"))))
}

#[cfg(feature = "postgres")]
async fn postgres(url: &str) -> Result<Backend, LedgerError> {
    let url = url.to_owned();
    let server = in_background(async move { crate::ledger::postgres::open(&url).await }).await?;
    Ok(Backend::server("postgres", Arc::new(server)))
}

#[cfg(not(feature = "postgres"))]
#[allow(clippy::unused_async)] // as the other one
async fn postgres(_: &str) -> Result<Backend, LedgerError> {
    Err(LedgerError::new("this program was built without the feature `postgres` of `resilience`".to_owned()))
}

fn is_redis(scheme: &str) -> bool {
    matches!(scheme.trim_end_matches("+cluster"), "redis" | "rediss" | "valkey" | "valkeys")
}

#[cfg(feature = "redis")]
async fn redis(url: &str) -> Result<Backend, LedgerError> {
    let url = url.to_owned();
    let server = in_background(async move { crate::ledger::redis::open(&url).await }).await?;
    Ok(Backend::server("redis", Arc::new(server)))
}

#[cfg(not(feature = "redis"))]
#[allow(clippy::unused_async)] // as the other one
async fn redis(_: &str) -> Result<Backend, LedgerError> {
    Err(LedgerError::new("this program was built without the feature `redis` of `resilience`".to_owned()))
}

/// A password has no place in a message. Where it is an option, the whole rest goes: what it holds, nobody knows. A path
/// may have an `@`.
fn without_password(url: &str) -> String {
    match (url.split_once(':'), url.rsplit_once('@')) {
        (Some((scheme, rest)), _) if scheme != "file" && rest.contains("password=") => {
            format!("{scheme}://***")
        }
        (Some((scheme, rest)), Some((_, host))) if scheme != "file" && rest.contains('@') => {
            format!("{scheme}{}***@{host}", if rest.starts_with("//") { "://" } else { ":" })
        }
        _ => url.to_owned(),
    }
}

/// The backend of a runtime could not be opened. Nothing that it keeps was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}`{url}`: {why}", variable.map(|name| format!("{name} is ")).unwrap_or_default())]
pub struct OpenError {
    /// The variable that asked for it.
    pub(crate) variable: Option<&'static str>,
    pub(crate) url: String,
    pub(crate) why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(url: &str) -> String {
        match Backend::open(url).await {
            Ok(backend) => panic!("{url} opened as {}", backend.name),
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn bad_urls_are_told_apart() {
        for (url, said) in [
            ("", "``: expected `memory:`"),
            ("memory", "`memory`: expected `memory:`"),
            ("memory:1", "`memory:1`: expected `memory:`"),
            ("mysql://root:secret@host/x", "`mysql://***@host/x`: expected `memory:`"),
            ("mysql:root:secret@host/x", "`mysql:***@host/x`: expected `memory:`"),
            ("file:", "`file:`: no path; expected a folder, as in `file:./ledger`"),
            ("file://", "`file://`: a ledger on disk is on this machine"),
            ("file://host/x", "`file://host/x`: a ledger on disk is on this machine"),
        ] {
            let error = refused(url).await;
            assert!(error.starts_with(said), "{error}");
        }
    }

    #[test]
    fn a_path_is_taken_as_written() {
        for (written, path) in [("./a b", "./a b"), ("/x", "/x"), ("///x/y", "/x/y"), ("x@y:z", "x@y:z")] {
            assert_eq!(folder(written), Ok(path));
        }
    }

    #[cfg(feature = "durable")]
    #[tokio::test]
    async fn a_folder_has_options() {
        let place = tempfile::tempdir().expect("a folder");
        let url = |rest: &str| format!("file:{}{rest}", place.path().display());
        for rest in ["/one", "/two?timeout=500ms", "/three?", "/w?at?", "/w?at/four?timeout=2m"] {
            assert!(Backend::open(&url(rest)).await.is_ok(), "{rest}");
        }
        for folder in ["one", "two", "three", "w?at", "w?at/four"] {
            assert!(place.path().join(folder).is_dir(), "{folder}");
        }
        for (rest, said) in [
            (
                "/x?timout=1s",
                "unknown option `timout`: a folder has `timeout`; a path with a `?` of its own ends",
            ),
            ("/w?at", "unknown option `at`"),
            ("/x?timeout=2", "`timeout`: the duration \"2\" has no unit"),
            ("/x?timeout=0s", "`timeout` is zero"),
        ] {
            let error = refused(&url(rest)).await;
            assert!(error.contains(said), "{error}");
        }
        assert!(!place.path().join("x").exists(), "nothing is made");
        assert!(refused("file:?timeout=1s").await.contains("no path"));
    }
}
