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
    assert_eq!((refused.class(), refused.may_have_run()), (Class::Transient, false));
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
    assert_eq!((wrapped.class(), wrapped.may_have_run()), (Class::Permanent, false));
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
