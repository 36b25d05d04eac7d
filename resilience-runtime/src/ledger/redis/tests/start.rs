//! What is wrong is said when the ledger is opened.

use std::fmt::Write;
use std::net::TcpListener;
use std::sync::Mutex;

use tracing::field::{Field, Visit};
use tracing::span;

use super::*;

async fn refused(url: &str) -> String {
    let start = Instant::now();
    let error = open(url).await.err().unwrap_or_else(|| panic!("{url} opened")).to_string();
    assert!(start.elapsed() < Duration::from_secs(3), "{url}: {:?}", start.elapsed());
    assert!(!error.contains("sesame"), "{error}");
    error
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    // It accepts, and says nothing.
    let silent = refused(&format!("redis://:sesame@127.0.0.1:{port}?connect_timeout=200ms")).await;
    assert!(silent.contains("timed out"), "{silent}");
    drop(listener);
    let away = refused(&format!("redis://127.0.0.1:{port}")).await;
    assert!(away.contains("refused"), "{away}");
    let cluster = refused(&format!("redis+cluster://127.0.0.1:{port}")).await;
    assert!(cluster.contains("refused"), "{cluster}");
}

#[tokio::test]
async fn a_password_that_is_wrong_or_missing_is_said() {
    need!(Redis);
    let server = Server::start_with(Persistence::AofEverySecond, &[("requirepass", "open-sesame")]);
    let port = server.port();
    for user in ["", ":no-sesame@", "ann:open-sesame@"] {
        let error = refused(&format!("redis://{user}127.0.0.1:{port}")).await;
        assert!(error.contains("uthentication"), "{user}: {error}");
    }
    ledger(&server.url()).await;
    let error = refused(&format!("{}/99", server.url())).await;
    assert!(error.contains("DB index"), "{error}");
}

/// As a program sees it: with the URL, and without its password.
#[tokio::test]
async fn a_runtime_over_it_is_opened_by_url() {
    need!(Redis);
    let server = Server::start_with(Persistence::AofEverySecond, &[("requirepass", "open-sesame")]);
    let runtime = crate::Runtime::open(&server.url()).await.expect("it opens");
    assert_eq!(format!("{runtime:?}"), "Runtime { ledger: \"redis\", .. }");
    assert_eq!(runtime.operator().in_doubt(10).await.expect("it answers"), []);
    let url = server.url().replace("open-sesame", "no-sesame");
    let error = crate::Runtime::open(&url).await.expect_err("another password").to_string();
    assert!(error.starts_with("`redis://***`: redis: ") && error.contains("uthentication"), "{error}");
    let bad = crate::Runtime::open("redis://:sesame@host?evict=no").await.expect_err("no such option");
    assert!(bad.to_string().starts_with("`redis://***`: option 1 behind the `?` is unknown"), "{bad}");
}

#[tokio::test]
async fn a_server_that_cannot_keep_a_ledger_is_said() {
    need!(Redis);
    let server = server();
    let cluster = refused(&server.url().replace("redis:", "redis+cluster:")).await;
    assert!(cluster.contains("cluster support disabled"), "{cluster}");
    server.cli(&["ACL", "SETUSER", "reader", "on", ">sesame", "~*", "+info", "+get", "+client", "+select"]);
    let reader = refused(&format!("redis://reader:sesame@127.0.0.1:{}", server.port())).await;
    assert!(reader.contains("eval"), "{reader}");
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    assert!(refused(&server.url()).await.contains("it is a replica"));
    assert_eq!(server.cli(&["DBSIZE"]), "0", "nothing half done");
}

/// Listens to what is told on this thread.
#[derive(Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, "{field}={value:?} "); // a string takes it
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "resilience"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().expect("nobody panics with it").push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// What is warned of when it is opened.
async fn warned(url: &str) -> Vec<String> {
    let listener = Listener::default();
    let heard = Arc::clone(&listener.0);
    let _guard = tracing::subscriber::set_default(listener);
    ledger(url).await;
    let lines = std::mem::take(&mut *heard.lock().expect("nobody panics with it"));
    assert!(
        lines.iter().all(|line| line.starts_with("WARN ") && line.contains("ledger_at_risk")),
        "{lines:?}"
    );
    lines
}

#[tokio::test]
async fn a_server_that_may_forget_is_warned_of_once_or_refused() {
    need!(Redis);
    let required = |url: &str| format!("{url}?durable=required");
    let good = server();
    assert_eq!(warned(&good.url()).await, [""; 0]);
    ledger(&required(&good.url())).await;

    let evicts = Server::start_with(Persistence::AofEverySecond, &[("maxmemory-policy", "allkeys-lru")]);
    let [line] = &warned(&evicts.url()).await[..] else { panic!("one warning") };
    assert!(line.contains("maxmemory-policy noeviction"), "{line}");
    let error = refused(&required(&evicts.url())).await;
    assert!(error.starts_with("`durable=required`, but the server lets records go"), "{error}");

    let forgets = Server::start(Persistence::None);
    let [line] = &warned(&forgets.url()).await[..] else { panic!("one warning") };
    assert!(line.contains("appendonly yes"), "{line}");
    assert!(refused(&required(&forgets.url())).await.contains("appendonly yes"));

    // As on a server that somebody else runs.
    good.cli(&["ACL", "SETUSER", "worker", "on", ">sesame", "~*", "+@all", "-info"]);
    let url = format!("redis://worker:sesame@127.0.0.1:{}", good.port());
    let [line] = &warned(&url).await[..] else { panic!("one warning") };
    assert!(line.contains("does not say"), "{line}");
    assert!(refused(&required(&url)).await.contains("does not say"));
}
