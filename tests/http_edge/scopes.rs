//! Whose key it is: two clients may choose the same one.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, extract};
use http::HeaderValue;
use resilience::server::{IdempotencyLayer, Scope};
use tower_service::Service;

use crate::streams::trickle;
use crate::support::events;
use crate::{Runs, Server, answer, everybody, is_replay, problem, server};

#[derive(Clone)]
struct Tenant {
    id: Option<&'static str>,
}

async fn counting(layer: IdempotencyLayer) -> Server {
    server(layer, |run| async move { run.to_string().into_response() }).await
}

async fn text(response: reqwest::Response) -> (bool, String) {
    (is_replay(&response), response.text().await.expect("a body"))
}

/// The same key, path and body, and each has a response of its own.
#[tokio::test]
async fn tenants_do_not_share_their_keys() {
    let server = counting(IdempotencyLayer::new("by header", Scope::header("X-Tenant"))).await;
    let ask = |tenant| answer(server.post("/charges", "\"a\"").header("x-tenant", tenant).body("250"));
    for replayed in [false, true] {
        for (tenant, run) in [("one", "1"), ("two", "2"), ("ünal", "3")] {
            assert_eq!(text(ask(tenant).await).await, (replayed, run.to_owned()));
        }
    }
    assert_eq!(server.runs.count(), 3);
}

#[tokio::test]
async fn a_header_that_tells_no_tenant_is_refused() {
    let server = counting(IdempotencyLayer::new("no header", Scope::header("x-tenant"))).await;
    let ask = |tenants: &[&[u8]]| {
        let mut request = server.post("/charges", "\"a\"").body("250");
        for tenant in tenants {
            request = request.header("x-tenant", HeaderValue::from_bytes(tenant).expect("allowed"));
        }
        answer(request)
    };
    let (one, two, long): (&[u8], &[u8], &[u8]) = (b"one", b"two", &[b'x'; 513]);
    let bad: [&[&[u8]]; 6] = [&[], &[b""], &[one, two], &[one, one], &[b"\xff"], &[long]];
    for tenants in bad {
        assert_eq!(problem(ask(tenants).await).await, (400, "invalid-key".to_owned()), "{tenants:?}");
    }
    assert_eq!(server.runs.count(), 0);
    assert_eq!(text(ask(&[b"one"]).await).await, (false, "1".to_owned()), "nothing was kept");
}

/// A router without a network, and a request of whoever has logged in.
struct Shop {
    app: Router,
    runs: Runs,
}

impl Shop {
    fn of(layer: IdempotencyLayer) -> Self {
        crate::runtime();
        let runs = Runs::default();
        let counted = runs.clone();
        let handler = async move || counted.one_more().to_string();
        Self { app: Router::new().route("/", post(handler)).layer(layer), runs }
    }

    async fn ask(&self, tenant: Option<Tenant>, body: Body) -> Response {
        let mut request = http::Request::post("/").header("idempotency-key", "\"a\"").body(body).unwrap();
        if let Some(tenant) = tenant {
            request.extensions_mut().insert(tenant);
        }
        self.app.clone().call(request).await.expect("a router answers")
    }

    async fn said(&self, tenant: &'static str) -> String {
        let response = self.ask(Some(Tenant { id: Some(tenant) }), Body::from("250")).await;
        let body = axum::body::to_bytes(response.into_body(), 99).await.expect("a body");
        String::from_utf8(body.to_vec()).expect("text")
    }
}

#[tokio::test]
async fn who_has_logged_in_is_the_scope() {
    let shop = Shop::of(IdempotencyLayer::new("by login", Scope::extension(|tenant: &Tenant| tenant.id)));
    for _ in 0..2 {
        assert_eq!((&*shop.said("one").await, &*shop.said("two").await), ("1", "2"));
    }
    assert_eq!(shop.runs.count(), 2);
}

/// Before its body is read; and whoever has set the layers in the wrong order learns of it.
#[tokio::test]
async fn a_stranger_is_refused() {
    let shop = Shop::of(IdempotencyLayer::new("stranger", Scope::extension(|tenant: &Tenant| tenant.id)));
    events::record();
    let endless = trickle(Duration::from_hours(1), 1);
    let refused = crate::soon(shop.ask(None, endless)).await;
    assert_eq!(refused.status(), 400);
    let told = events::words();
    assert!(told.contains("Tenant is missing: the layer that sets it must be further out"), "{told}");
    for nobody in [None, Some("")] {
        let refused = shop.ask(Some(Tenant { id: nobody }), Body::from("250")).await;
        assert_eq!(refused.status(), 400);
    }
    assert_eq!(shop.runs.count(), 0);
}

/// A request without a key is nobody's.
#[tokio::test]
async fn without_a_key_there_is_no_scope() {
    let layer = IdempotencyLayer::new("no key", Scope::header("x-tenant")).optional();
    let mut app = Shop::of(layer).app;
    let response = app.call(extract::Request::post("/").body(Body::empty()).unwrap()).await;
    assert_eq!(response.expect("a router answers").status(), 200);
}

#[tokio::test]
async fn everybody_is_one() {
    let server = counting(everybody("all")).await;
    let ask = |tenant| answer(server.post("/charges", "\"a\"").header("x-tenant", tenant).body("250"));
    assert_eq!(text(ask("one").await).await, (false, "1".to_owned()));
    assert_eq!(text(ask("two").await).await, (true, "1".to_owned()));
}

#[test]
fn what_is_no_scope_is_refused() {
    for (name, why) in [
        ("Authorization", "the header authorization is no scope: a credential changes"),
        ("cookie", "the header cookie is no scope: a credential changes"),
        ("proxy-authorization", "the header proxy-authorization is no scope: a credential changes"),
        ("x tenant", "\"x tenant\" is no name of a header"),
        ("", "\"\" is no name of a header"),
    ] {
        let panic = std::panic::catch_unwind(|| Scope::header(name)).expect_err("it is refused");
        let text = panic.downcast_ref::<String>().expect("a text");
        assert!(text.starts_with(why), "{text}");
    }
}
