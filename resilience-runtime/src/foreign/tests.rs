use crate::site::Site;
use crate::{Class, Error, Failure, Kind};

static SITE: Site = Site::without_function("pay");

#[test]
fn anyhow_looks_along_the_chain() {
    let rejected = ::anyhow::Error::from(Error::new(Kind::CircuitOpen, &SITE)).context("while charging");
    assert_eq!(rejected.class(), Class::Rejected);
    assert_eq!(rejected.rejection().map(Error::kind), Some(Kind::CircuitOpen));
    assert!(!rejected.may_have_run());
    let refused = ::anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
    assert_eq!(
        (refused.class(), refused.may_have_run()),
        (Class::Transient, true),
        "another step may have run"
    );
    let missing = ::anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::NotFound));
    assert_eq!(missing.class(), Class::Permanent);
    let unknown = ::anyhow::anyhow!("who knows");
    assert_eq!((unknown.class(), unknown.may_have_run()), (Class::Transient, true));
    for (status, class) in
        [(::tonic::Status::not_found(""), Class::Permanent), (::tonic::Status::aborted(""), Class::Transient)]
    {
        assert_eq!(::anyhow::Error::from(status).context("while charging").class(), class);
    }
    let missing = ::anyhow::Error::from(::sqlx::Error::RowNotFound).context("while charging");
    assert_eq!(missing.class(), Class::Permanent);
}

#[tokio::test]
async fn anyhow_finds_what_reqwest_says() {
    let malformed = ::reqwest::Client::new().get("no url").send().await.expect_err("not a URL");
    let wrapped = ::anyhow::Error::from(malformed).context("while charging");
    assert_eq!((wrapped.class(), wrapped.may_have_run()), (Class::Permanent, true));
}

#[tokio::test]
async fn reqwest_tells_the_request_from_the_network() {
    let client = ::reqwest::Client::new();
    let malformed = client.get("no url").send().await.expect_err("not a URL");
    assert_eq!((malformed.class(), malformed.may_have_run()), (Class::Permanent, false));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let refused = client.get(format!("http://127.0.0.1:{port}")).send().await.expect_err("nobody listens");
    assert_eq!((refused.class(), refused.may_have_run()), (Class::Transient, false));
}

#[cfg(feature = "http")]
#[test]
fn anyhow_keeps_the_pause_of_a_response() {
    use crate::propagation::CheckStatus;
    let response = ::http::Response::builder().status(503).header("retry-after", "30").body("");
    let response = ::reqwest::Response::from(response.expect("a response"));
    let wrapped =
        ::anyhow::Error::from(response.check_status().expect_err("an error")).context("while charging");
    let pause = Some(std::time::Duration::from_secs(30));
    assert_eq!((wrapped.class(), wrapped.retry_after()), (Class::Throttled, pause));
}

/// A name that is not found has no kind of its own in the standard library.
#[tokio::test]
async fn a_name_that_is_not_found_may_be_found_later() {
    let error = tokio::net::TcpStream::connect("no-such-host.invalid:1").await.expect_err("no such host");
    assert_eq!(error.class(), Class::Transient, "{error:?}");
}

#[test]
fn a_status_from_afar_asks_for_its_pause() {
    let asks = |pause: &str| {
        let mut status = ::tonic::Status::resource_exhausted("");
        status.metadata_mut().insert("grpc-retry-pushback-ms", pause.parse().expect("ASCII"));
        (status.class(), status.retry_after())
    };
    let pause = Some(std::time::Duration::from_millis(250));
    assert_eq!(asks("250"), (Class::Throttled, pause));
    assert_eq!(asks("-1"), (Class::Throttled, None));
    assert_eq!(asks("soon"), (Class::Throttled, None));
}

#[test]
fn tonic_by_its_code() {
    for (status, class) in [
        (::tonic::Status::unavailable(""), Class::Transient),
        (::tonic::Status::resource_exhausted(""), Class::Throttled),
        (::tonic::Status::invalid_argument(""), Class::Permanent),
    ] {
        assert_eq!(status.class(), class);
    }
}

#[test]
fn a_rejection_is_a_status() {
    let wait = std::time::Duration::from_millis(1_500);
    let status = ::tonic::Status::from(Error::new(Kind::RateLimited, &SITE).after(wait));
    assert_eq!(
        (status.code(), status.message()),
        (::tonic::Code::ResourceExhausted, "the rate limit is used up for now")
    );
    let said = |name| status.metadata().get(name).and_then(|value| value.to_str().ok());
    let names = ["may-have-run", "retry-after", "grpc-retry-pushback-ms"];
    assert_eq!(names.map(said), [Some("false"), Some("2"), Some("1500")]);
    // The policies around it see what it was.
    assert_eq!((status.class(), status.may_have_run()), (Class::Rejected, false));
    assert_eq!(
        (status.retry_after(), status.rejection().map(Error::kind)),
        (Some(wait), Some(Kind::RateLimited))
    );
    assert_eq!(
        ::tonic::Status::from(Error::new(Kind::Timeout, &SITE)).code(),
        ::tonic::Code::DeadlineExceeded
    );
}

#[test]
fn sqlx_tells_the_pool_from_the_statement() {
    let pool = ::sqlx::Error::PoolTimedOut;
    assert_eq!((pool.class(), pool.may_have_run()), (Class::Transient, false));
    assert_eq!(::sqlx::Error::RowNotFound.class(), Class::Permanent);
}
