//! [`Failure`](crate::Failure) for the error types of other crates, each behind a feature of its name.

/// The first error of the chain whose type says what it means decides; where none does, it may pass.
///
/// | in the chain | class |
/// | --- | --- |
/// | a rejection ([`Error`](crate::Error)) | `Rejected` |
/// | [`std::io::Error`]; those of `reqwest`, `sqlx` and `tonic`, behind their features | as on their impls |
/// | an enum that derives [`Failure`](crate::Failure), without type parameters | what its variant says |
/// | none of these | `Transient` |
#[cfg(feature = "anyhow")]
mod anyhow {
    use std::time::Duration;

    use crate::failure::known::known;
    use crate::{Class, Error, Failure};

    fn first(error: &anyhow::Error) -> Option<&dyn Failure> {
        error.chain().find_map(known)
    }

    impl Failure for anyhow::Error {
        fn class(&self) -> Class {
            first(self).map_or(Class::Transient, Failure::class)
        }

        fn retry_after(&self) -> Option<Duration> {
            first(self).and_then(Failure::retry_after)
        }

        fn may_have_run(&self) -> bool {
            first(self).is_none_or(Failure::may_have_run)
        }

        fn rejection(&self) -> Option<&Error> {
            first(self).and_then(Failure::rejection)
        }
    }
}

/// The network and the server's own trouble are transient, 429 is throttled, what the caller did wrong is permanent.
#[cfg(feature = "reqwest")]
mod reqwest {
    use crate::{Class, Failure};

    impl Failure for reqwest::Error {
        fn class(&self) -> Class {
            match self.status().map(|status| status.as_u16()) {
                Some(429) => Class::Throttled,
                Some(408 | 500 | 502..=504) => Class::Transient,
                Some(_) => Class::Permanent,
                None if self.is_builder() || self.is_redirect() || self.is_decode() => Class::Permanent,
                None => Class::Transient,
            }
        }

        fn may_have_run(&self) -> bool {
            !(self.is_connect() || self.is_builder())
        }
    }
}

/// By the code, as the gRPC guide to retries reads them.
///
/// | code | class |
/// | --- | --- |
/// | `Unavailable`, `DeadlineExceeded`, `Aborted`, `Internal`, `Unknown` | `Transient` |
/// | `ResourceExhausted` | `Throttled` |
/// | all others | `Permanent` |
/// | made of a rejection in this process | `Rejected` |
#[cfg(feature = "tonic")]
mod tonic {
    use std::sync::Arc;
    use std::time::Duration;

    use tonic::metadata::{MetadataMap, MetadataValue};
    use tonic::{Code, Status};

    use crate::{Class, Error, Failure, Kind};

    impl Failure for Status {
        fn class(&self) -> Class {
            if self.rejection().is_some() {
                return Class::Rejected;
            }
            match self.code() {
                Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::Internal
                | Code::Unknown => Class::Transient,
                Code::ResourceExhausted => Class::Throttled,
                _ => Class::Permanent,
            }
        }

        fn retry_after(&self) -> Option<Duration> {
            self.rejection().and_then(Error::retry_after)
        }

        fn may_have_run(&self) -> bool {
            self.rejection().is_none_or(Error::may_have_run)
        }

        fn rejection(&self) -> Option<&Error> {
            std::error::Error::source(self)?.downcast_ref()
        }
    }

    /// So that the method of a service can have policies. The client is told the kind and not the site; in the metadata it
    /// is told `may-have-run` (`true` or `false`), and when to come again: `retry-after` in whole seconds, and
    /// `grpc-retry-pushback-ms`, which clients of gRPC heed.
    ///
    /// | kind | code |
    /// | --- | --- |
    /// | `Timeout`, `DeadlineExceeded` | `DeadlineExceeded` |
    /// | `RateLimited` | `ResourceExhausted` |
    /// | `InProgress`, `LeaseLost`, `Conflict`, `Held` | `Aborted` |
    /// | `KeyReused`, `InvalidKey` | `InvalidArgument` |
    /// | `OutcomeUnknown` | `FailedPrecondition` |
    /// | `ResultNotKept` | `AlreadyExists` |
    /// | `NameClash` | `Internal` |
    /// | all others | `Unavailable` |
    impl From<Error> for Status {
        fn from(error: Error) -> Self {
            let mut metadata = MetadataMap::new();
            let may_have_run = if error.may_have_run() { "true" } else { "false" };
            metadata.insert("may-have-run", MetadataValue::from_static(may_have_run));
            if let Some(wait) = error.retry_after() {
                let millis = wait.as_nanos().div_ceil(1_000_000);
                metadata.insert("retry-after", MetadataValue::from(seconds(wait)));
                metadata.insert(
                    "grpc-retry-pushback-ms",
                    MetadataValue::from(u64::try_from(millis).unwrap_or(u64::MAX)),
                );
            }
            let mut status = Self::with_metadata(code(error.kind()), error.kind().to_string(), metadata);
            status.set_source(Arc::new(error));
            status
        }
    }

    /// Rounded up: who comes too early comes in vain.
    fn seconds(wait: Duration) -> u64 {
        wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
    }

    fn code(kind: Kind) -> Code {
        match kind {
            Kind::Timeout | Kind::DeadlineExceeded => Code::DeadlineExceeded,
            Kind::RateLimited => Code::ResourceExhausted,
            Kind::InProgress | Kind::LeaseLost | Kind::Conflict | Kind::Held => Code::Aborted,
            Kind::KeyReused | Kind::InvalidKey => Code::InvalidArgument,
            Kind::OutcomeUnknown => Code::FailedPrecondition,
            Kind::ResultNotKept => Code::AlreadyExists,
            Kind::NameClash => Code::Internal,
            Kind::CircuitOpen | Kind::BulkheadFull | Kind::BudgetExhausted | Kind::Store | Kind::Injected => {
                Code::Unavailable
            }
        }
    }
}

/// The connection, the pool and the conflicts of transactions are transient; a statement that is wrong stays wrong.
#[cfg(feature = "sqlx")]
mod sqlx {
    use crate::{Class, Failure};

    impl Failure for sqlx::Error {
        fn class(&self) -> Class {
            match self {
                Self::Io(_) | Self::Tls(_) | Self::PoolTimedOut | Self::WorkerCrashed => Class::Transient,
                Self::Database(error) => match error.code().as_deref() {
                    // Serialization failure, deadlock, and the classes 08 (connection), 53 (resources), 57 (operator).
                    Some("40001" | "40P01") => Class::Transient,
                    Some(code) if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
                        Class::Transient
                    }
                    _ => Class::Permanent,
                },
                _ => Class::Permanent,
            }
        }

        fn may_have_run(&self) -> bool {
            !matches!(self, Self::PoolTimedOut | Self::PoolClosed)
        }
    }
}

#[cfg(all(test, feature = "anyhow", feature = "reqwest", feature = "sqlx", feature = "tonic"))]
mod tests {
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
        for (status, class) in [
            (::tonic::Status::not_found(""), Class::Permanent),
            (::tonic::Status::aborted(""), Class::Transient),
        ] {
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
        let refused =
            client.get(format!("http://127.0.0.1:{port}")).send().await.expect_err("nobody listens");
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
}
