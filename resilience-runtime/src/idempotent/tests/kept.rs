//! Results whose types fail, and failures that are results.

use serde::{Deserialize, Serialize, Serializer, de};

use super::*;
use crate::edge::edge;
use crate::idempotent::codec_of_both;
use crate::{Class, Failure};

/// It panics where it is written, or where it is read.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bomb {
    Written,
    Read,
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Written => panic!("while it is written"),
            Self::Read => serializer.serialize_str("read"),
        }
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: de::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("while it is read")
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Refused {
    ForGood(Bomb),
    Policy(Kind),
}

impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::ForGood(bomb) => bomb.serialize(serializer),
            Self::Policy(_) => unreachable!("a rejection is no result"),
        }
    }
}

impl<'de> Deserialize<'de> for Refused {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bomb::deserialize(deserializer).map(Self::ForGood)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Policy(error.kind())
    }
}

impl Failure for Refused {
    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// A call of a function with `store_errors`.
async fn call(body: impl Future<Output = Result<Bomb, Refused>>) -> Result<Bomb, Refused> {
    let edge = edge::<Result<Bomb, Refused>>();
    call_with(&LEDGER, edge, codec_of_both(), edge.attempt(body)).await
}

fn not_run() -> impl Future<Output = Result<Bomb, Refused>> {
    poll_fn(|_| panic!("the body ran"))
}

/// Its operation has happened all the same, and is not run again.
#[tokio::test]
async fn a_result_that_panics_is_not_kept() {
    for result in [Ok(Bomb::Written), Err(Refused::ForGood(Bomb::Written))] {
        let runtime = Runtime::builder().memory().build();
        assert_eq!(runtime.scope(call(async { result })).await, result);
        assert_eq!(state(&runtime).await, Some(EntryState::ResultNotKept));
        assert_eq!(runtime.scope(call(not_run())).await, Err(Refused::Policy(Kind::ResultNotKept)));
    }
    let key = IdempotencyKey::of("flaky", None::<&str>, "key").expect("a good key");
    let runtime = Runtime::builder().memory().build();
    let error = runtime.operator().resolve(key, 1, &Bomb::Written).await.expect_err("it cannot be written");
    assert!(error.to_string().contains("panicked"), "{error}");
}

#[tokio::test]
async fn a_result_that_panics_when_it_is_read_is_an_error_each_time() {
    for result in [Ok(Bomb::Read), Err(Refused::ForGood(Bomb::Read))] {
        let runtime = Runtime::builder().memory().build();
        assert_eq!(runtime.scope(call(async { result })).await, result);
        for _ in 0..2 {
            assert_eq!(runtime.scope(call(not_run())).await, Err(Refused::Policy(Kind::Store)));
        }
        assert_eq!(state(&runtime).await, Some(EntryState::Done));
    }
}

/// Else the late caller is told of a failure that is final, and everybody after it of a value.
#[tokio::test(start_paused = true)]
async fn a_late_failure_is_no_result_either() {
    let runtime = Runtime::over(Arc::new(Flaky { renewals: u32::MAX.into(), ..Flaky::new() }));
    let late = runtime.scope(call(async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        Err(Refused::ForGood(Bomb::Read))
    }));
    let successor = runtime.scope(async {
        tokio::time::sleep(Duration::from_secs(70)).await;
        call(async { Ok(Bomb::Read) }).await
    });
    let (late, successor) = tokio::join!(late, successor);
    assert_eq!((late, successor), (Err(Refused::Policy(Kind::LeaseLost)), Ok(Bomb::Read)));
}
