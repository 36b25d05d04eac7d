//! Over TLS. The certificate is for 127.0.0.1, and signed by one that no machine trusts.

use super::*;
use crate::Runtime;

fn certificate(name: &str) -> String {
    format!("{}/src/ledger/remote/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A server that speaks TLS on another port, and that port.
fn server() -> (Server, u16) {
    let server = super::server();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port");
    let port = free.port();
    let (own, key) = (certificate("server.crt"), certificate("server.key"));
    let settings = ["tls-auth-clients", "no", "tls-cert-file", &own, "tls-key-file", &key];
    server.cli(&[&["CONFIG", "SET"], &settings[..], &["tls-port", &port.to_string()]].concat());
    (server, port)
}

#[tokio::test]
async fn it_is_spoken_with_whom_the_url_trusts() {
    need!(Redis);
    let (server, port) = server();
    let url = format!("rediss://127.0.0.1:{port}?sslrootcert={}", certificate("ca.crt"));
    let ledger = ledger(&url).await;
    let op = op("over TLS");
    let hold = hold(&op, 1, &ledger.claim(&op.request(1)).await);
    assert!(matches!(ledger.complete(hold, seven(), TTL).await, Ok(Written::Yes)));
    assert!(matches!(ledger.claim(&op.request(2)).await, Ok(Claimed::Done(stored)) if stored == seven()));
    assert_eq!(server.cli(&["EXISTS", &name(&op)]), "1");
    // The one by which we ask is another.
    let clients = server.cli(&["CLIENT", "LIST", "TYPE", "NORMAL"]);
    assert_eq!(
        clients.lines().filter(|client| client.contains(&format!("laddr=127.0.0.1:{port}"))).count(),
        1
    );
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_refused() {
    need!(Redis);
    let (server, port) = server();
    let refused = async |url: String| Runtime::open(&url).await.expect_err("it is refused").to_string();
    let (here, roots) = (format!("rediss://127.0.0.1:{port}"), certificate("ca.crt"));
    let error = refused(here.clone()).await;
    assert!(error.contains("UnknownIssuer"), "{error}");
    let error = refused(format!("rediss://localhost:{port}?sslrootcert={roots}")).await;
    assert!(error.contains("not valid for name \"localhost\""), "{error}");
    let error = refused(format!("{here}?sslrootcert=/nowhere")).await;
    assert!(error.contains("`sslrootcert`: No such file"), "{error}");
    let error = refused(format!("{here}?sslrootcert={}", certificate("server.key"))).await;
    assert!(error.contains("no certificate to trust"), "{error}");
    // In clear, to a port that speaks TLS; and the other way round.
    let error = refused(format!("redis://127.0.0.1:{port}")).await;
    assert!(error.contains("redis:"), "{error}");
    let error = refused(format!("rediss://127.0.0.1:{}?sslrootcert={roots}", server.port())).await;
    assert!(error.contains("redis:"), "{error}");
}
