//! The status of gRPC, as tonic has it.

use std::sync::Arc;
use std::time::Duration;

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::{Class, Error, Failure, Kind};

/// By the code, as the gRPC guide to retries reads them.
///
/// | code | class |
/// | --- | --- |
/// | `Unavailable`, `DeadlineExceeded`, `Aborted`, `Internal`, `Unknown` | `Transient` |
/// | `ResourceExhausted` | `Throttled` |
/// | all others | `Permanent` |
/// | made of a rejection in this process | `Rejected` |
impl Failure for Status {
    fn class(&self) -> Class {
        if self.rejection().is_some() {
            return Class::Rejected;
        }
        match self.code() {
            Code::Unavailable | Code::DeadlineExceeded | Code::Aborted | Code::Internal | Code::Unknown => {
                Class::Transient
            }
            Code::ResourceExhausted => Class::Throttled,
            _ => Class::Permanent,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        if let Some(rejection) = self.rejection() {
            return rejection.retry_after();
        }
        // Of a server: whole milliseconds. A negative number, which asks for no repetition, is no pause.
        let pause = self.metadata().get("grpc-retry-pushback-ms")?.to_str().ok()?;
        pause.parse().ok().map(Duration::from_millis)
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
