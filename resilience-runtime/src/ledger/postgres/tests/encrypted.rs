//! Over TLS. The certificate is for 127.0.0.1, and signed by one that no machine trusts.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use super::*;
use crate::Runtime;

fn certificate(name: &str) -> String {
    format!("{}/src/ledger/remote/certificates/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A server that offers TLS. The key is its own, and nobody else may read it.
fn server() -> Postgres {
    let server = super::server();
    let data = server.folder().join("data");
    let owner = data.metadata().expect("it is there");
    for (setting, name) in [("ssl_cert_file", "server.crt"), ("ssl_key_file", "server.key")] {
        let place = data.join(name);
        std::fs::copy(certificate(name), &place).expect("a file in its folder");
        std::fs::set_permissions(&place, Permissions::from_mode(0o600)).expect("ours");
        chown(&place, Some(owner.uid()), Some(owner.gid())).expect("ours to give");
        server.psql(&format!("ALTER SYSTEM SET {setting} = '{}'", place.display()));
    }
    server.psql("ALTER SYSTEM SET ssl = on; SELECT pg_reload_conf()");
    let on = || server.psql("SHOW ssl") == "on";
    while !on() {
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

/// Whether our sessions are encrypted.
fn encrypted(server: &Postgres) -> String {
    server.psql(
        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'resilience'",
    )
}

#[tokio::test]
async fn a_mode_means_what_it_means_in_other_programs() {
    need!(Postgres);
    let server = server();
    let roots = certificate("ca.crt");
    let verified = format!("sslmode=verify-full&sslrootcert={roots}");
    for (mode, expected) in [
        ("", "t"),
        ("sslmode=prefer", "t"),
        ("sslmode=require", "t"),
        (&*verified, "t"),
        ("sslmode=disable", "f"),
    ] {
        let ledger = ledger(&format!("{}?{mode}", server.url())).await;
        assert!(
            matches!(ledger.claim(&long(&op(&format!("mode {mode}")), 1)).await, Ok(Claimed::Granted { .. })),
            "{mode}"
        );
        assert_eq!(encrypted(&server), expected, "{mode}");
        drop(ledger);
        while !encrypted(&server).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_fit_is_refused() {
    need!(Postgres);
    let server = server();
    let refused = async |url: String| Runtime::open(&url).await.expect_err("it is refused").to_string();
    let url = server.url();
    let error = refused(format!("{url}?sslmode=verify-full")).await;
    assert!(error.contains("UnknownIssuer"), "{error}");
    let roots = certificate("ca.crt");
    let elsewhere = url.replace("127.0.0.1", "localhost");
    let error = refused(format!("{elsewhere}?sslmode=verify-full&sslrootcert={roots}")).await;
    assert!(error.contains("not valid for name ***"), "{error}");
    let error = refused(format!("{url}?sslmode=verify-full&sslrootcert=/nowhere")).await;
    assert!(error.contains("`sslrootcert`: the file cannot be read: No such file"), "{error}");
    let error = refused(format!("{url}?sslmode=verify-full&sslrootcert={}", certificate("server.key"))).await;
    assert!(error.contains("no certificate to trust"), "{error}");
    server.psql("ALTER SYSTEM SET ssl = off; SELECT pg_reload_conf()");
    while server.psql("SHOW ssl") != "off" {
        std::thread::sleep(Duration::from_millis(20));
    }
    let error = refused(format!("{url}?sslmode=require")).await;
    assert!(error.contains("server does not support TLS"), "{error}");
}
