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
        let because = |why: String| OpenError { variable: None, url: shown(url), why };
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
    // What a panic says may hold a part of the URL.
    opened.unwrap_or_else(|_| Err(LedgerError::new("the task that opens it has panicked")))
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

/// What a message shows of a URL: the scheme, and the path of a folder. All else may be a password, or a part of one that
/// has a `?`, a `/` or an `@` of its own.
fn shown(url: &str) -> String {
    match url.split_once(':') {
        _ if url.is_empty() => String::new(),
        Some(("file", path)) if folder(path).is_ok() => match path.split_once('?') {
            Some((path, _)) => format!("file:{path}?***"),
            None => url.to_owned(),
        },
        Some((scheme, "")) if is_known(scheme) => url.to_owned(),
        Some((scheme, rest)) if rest.starts_with("//") && is_scheme(scheme) => format!("{scheme}://***"),
        Some((scheme, _)) if is_known(scheme) => format!("{scheme}:***"),
        _ => "***".to_owned(),
    }
}

/// Also a misspelled one: it is no password, in front of `://`.
fn is_scheme(text: &str) -> bool {
    text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'+')
}

fn is_known(scheme: &str) -> bool {
    matches!(scheme, "memory" | "file" | "postgres" | "postgresql") || is_redis(scheme)
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
    use std::error::Error as _;

    use proptest::prelude::*;

    use super::*;

    /// A password, wherever somebody may have put it. Nothing listens at that port.
    const PLACES: [&str; 34] = [
        "{scheme}://u:{secret}@127.0.0.1:1/d",
        "{scheme}://{secret}:@127.0.0.1:1/d",
        "{scheme}://{secret}@127.0.0.1:1",
        "{scheme}://:{secret}@127.0.0.1:1",
        "{scheme}://{secret}",
        "{scheme}://{secret}:1/d",
        "{scheme}://127.0.0.1:{secret}/d",
        "{scheme}://127.0.0.1,{secret}:1/d",
        "{scheme}://127.0.0.1:1/{secret}",
        "{scheme}://127.0.0.1:1/d#{secret}",
        "{scheme}://u:a?{secret}=b@127.0.0.1:1",
        "{scheme}://127.0.0.1:1?{secret}",
        "{scheme}://127.0.0.1:1/d?{secret}=x",
        "{scheme}://127.0.0.1:1/d?passwd={secret}",
        "{scheme}://127.0.0.1:1/d?password={secret}",
        "{scheme}://127.0.0.1:1/d?user={secret}",
        "{scheme}://127.0.0.1:1/d?auth={secret}&timeout=1s",
        "{scheme}://127.0.0.1:1/d?timeout=1s&pwd={secret}",
        "{scheme}://127.0.0.1:1/d?pool_max=1;password={secret}",
        "{scheme}://127.0.0.1:1/d?timeout={secret}",
        "{scheme}://127.0.0.1:1/d?connect_timeout={secret}",
        "{scheme}://127.0.0.1:1/d?prepare={secret}",
        "{scheme}://127.0.0.1:1/d?create={secret}",
        "{scheme}://127.0.0.1:1/d?durable={secret}",
        "{scheme}://127.0.0.1:1/d?sslmode={secret}",
        "{scheme}://127.0.0.1:1?sslmode=verify-full&sslrootcert={secret}",
        "{scheme}://127.0.0.1:1?sslrootcert={secret}",
        "{scheme}://127.0.0.1:1/d?target_session_attrs={secret}",
        "{scheme}://127.0.0.1:1/d?hostaddr={secret}&port={secret}",
        "{scheme}:{secret}=x",
        "{scheme}:host=127.0.0.1 port=1 user=u password={secret}",
        "host=127.0.0.1 user=u password={secret}",
        "{secret}",
        "jdbc:{scheme}://127.0.0.1:1/d?user=u&pwd={secret}",
    ];
    const SCHEMES: [&str; 9] = [
        "postgres",
        "postgresql",
        "redis",
        "rediss",
        "redis+cluster",
        "valkey",
        "mysql",
        "memory",
        "{secret}",
    ];
    /// What may stand in a password, and means something in a URL.
    const BEFORE: &str = "[a:/?#@;&=%,\\[ \"]{0,2}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn no_message_holds_a_part_of_a_password(
            place in prop::sample::select(&PLACES),
            scheme in prop::sample::select(&SCHEMES),
            before in BEFORE,
            secret in prop::sample::select(&["s3cr3t", "s%33cr3t", "%73%33%63%723t"]),
        ) {
            let url = place.replace("{scheme}", scheme).replace("{secret}", &format!("{before}{secret}"));
            says_nothing(&url, secret);
        }

        /// The path of a folder is shown. What follows it is not, and nothing before it.
        #[test]
        fn no_message_holds_an_option_of_a_folder(
            place in prop::sample::select(&[
                "file://u:{secret}@host/x",
                "file:/nowhere?{secret}",
                "file:/nowhere?password={secret}",
                "file:/nowhere?timeout={secret}",
                "file:/nowhere?timeout=1s;password={secret}",
            ]),
            before in "[a:/#@;&=%]{0,2}",
        ) {
            says_nothing(&place.replace("{secret}", &format!("{before}s3cr3t")), "s3cr3t");
        }
    }

    fn says_nothing(url: &str, secret: &str) {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
        let Err(error) = tokio.block_on(Backend::open(url)) else { panic!("{url} opened") };
        let mut said = format!("{error} {error:?} {error:#?}");
        let sources = std::iter::successors(error.source(), |&cause| cause.source());
        said.extend(sources.map(|cause| format!("{cause} {cause:?}")));
        for part in [&secret[..secret.len().min(5)], "s3cr", "3t"] {
            assert!(!said.contains(part), "{url}: {said}");
        }
    }

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
            ("memory", "`***`: expected `memory:`"),
            ("memory:1", "`memory:***`: expected `memory:`"),
            ("mysql://root:secret@host/x", "`mysql://***`: expected `memory:`"),
            ("redis+x://root:secret@host/x", "`redis+x://***`: expected `memory:`"),
            ("file:", "`file:`: no path; expected a folder, as in `file:./ledger`"),
            ("file://", "`file://***`: a ledger on disk is on this machine"),
            ("file://user:secret@host/x", "`file://***`: a ledger on disk is on this machine"),
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
                "/x?***`: option 1 behind the `?` is unknown; expected one of `timeout`; a path with a `?` of its own ends",
            ),
            ("/w?at", "option 1 behind the `?` is unknown"),
            ("/x?timeout=2", "`timeout`: expected a time above zero, with its unit"),
            ("/x?timeout=0s", "`timeout`: expected a time above zero"),
        ] {
            let error = refused(&url(rest)).await;
            assert!(error.contains(said), "{error}");
        }
        assert!(!place.path().join("x").exists(), "nothing is made");
        assert!(refused("file:?timeout=1s").await.contains("no path"));
    }
}
