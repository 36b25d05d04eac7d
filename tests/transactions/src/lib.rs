//! An operation by way of each client: it charges an order, once, in a transaction of its caller's.
#![allow(missing_docs, clippy::missing_panics_doc, reason = "it is for the tests")]

mod kept;
mod of_sqlx;
mod of_tokio;

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::time::Duration;

pub use of_sqlx::{Sqlx, charge_on};
pub use of_tokio::Tokio;
use resilience::{Failure, Kind};

/// Makes the table of effects.
pub const EFFECTS: &str = "CREATE TABLE effect (order_id int8 NOT NULL, run serial)";

#[derive(Debug, thiserror::Error, Failure)]
pub enum Fault {
    #[error("declined")]
    #[failure(permanent)]
    Declined,
    #[error("{0}")]
    #[failure(transient)]
    Database(String),
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = error.as_db_error().map(ToString::to_string);
        Self::Database(said.unwrap_or_else(|| error.to_string()))
    }
}

/// A reply in a word: `ok`, `declined`, `database`, or the kind of a rejection.
pub fn word(reply: &Result<i64, Fault>) -> String {
    match reply {
        Ok(_) => "ok".to_owned(),
        Err(Fault::Declined) => "declined".to_owned(),
        Err(Fault::Database(_)) => "database".to_owned(),
        Err(Fault::Policy(error)) => format!("{:?}", error.kind()),
    }
}

/// What is wrong, in the words of the rejection's source.
pub fn why(reply: &Result<i64, Fault>) -> (Kind, String) {
    match reply {
        Err(Fault::Policy(error)) => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            (error.kind(), source.unwrap_or_default())
        }
        other => panic!("not a rejection: {other:?}"),
    }
}

/// What the body does. All of them but `Declines` begin with the effect.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Body {
    Charges,
    /// It fails before its effect.
    Declines,
    /// It fails after its effect.
    FailsLate,
    /// A statement of it fails, and it goes on as if nothing were.
    Ignores,
    /// It takes so long.
    Takes(Duration),
    /// It ends the transaction on its own.
    Commits,
    /// It never ends.
    Hangs,
    /// Nor does this one, but it is polled again and again.
    Lingers,
}

/// What a body asks of its client.
pub trait Says {
    /// Sends a statement; the first value of its first row, if it has one.
    fn say(&mut self, sql: String) -> impl Future<Output = Result<Option<i64>, Fault>> + Send;
}

pub async fn run(client: &mut impl Says, order: i64, body: Body) -> Result<i64, Fault> {
    assert_eq!(resilience::context::fencing_token(), None);
    assert!(resilience::context::idempotency_key().is_some());
    if body == Body::Declines {
        return Err(Fault::Declined);
    }
    let effect = format!("INSERT INTO effect (order_id) VALUES ({order}) RETURNING run::int8");
    let run = client.say(effect).await?.expect("a row");
    match body {
        Body::Charges | Body::Declines => {}
        Body::FailsLate => return Err(Fault::Declined),
        Body::Ignores => assert!(client.say("SELECT 1 / 0".to_owned()).await.is_err()),
        Body::Takes(time) => {
            client.say(format!("SELECT pg_sleep({})", time.as_secs_f64())).await?;
        }
        Body::Commits => {
            client.say("COMMIT".to_owned()).await?;
        }
        Body::Hangs => pending().await,
        Body::Lingers => loop {
            tokio::task::yield_now().await;
        },
    }
    Ok(run)
}

/// What the caller does when the call has returned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Commits,
    RollsBack,
    /// The transaction is dropped, as by `?`.
    Drops,
}

/// A call: the transaction around it, what the body does, and how it ends.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub order: i64,
    pub body: Body,
    pub end: End,
    /// What the caller says when the transaction has begun.
    pub first: &'static str,
    /// The call is dropped after so many polls.
    pub polls: usize,
}

impl Call {
    pub const fn of(order: i64) -> Self {
        Self { order, body: Body::Charges, end: End::Commits, first: "", polls: usize::MAX }
    }

    #[must_use]
    pub const fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    #[must_use]
    pub const fn end(self, end: End) -> Self {
        Self { end, ..self }
    }

    #[must_use]
    pub const fn first(self, first: &'static str) -> Self {
        Self { first, ..self }
    }

    #[must_use]
    pub const fn polls(self, polls: usize) -> Self {
        Self { polls, ..self }
    }
}

/// What came of a call, and of the end of its transaction.
#[derive(Debug)]
pub struct Called {
    /// Nothing, if the call was dropped.
    pub reply: Option<Result<i64, Fault>>,
    pub ended: Result<(), Fault>,
}

impl Called {
    /// The reply in a word.
    pub fn word(&self) -> String {
        self.reply.as_ref().map_or_else(|| "dropped".to_owned(), word)
    }

    /// The value of a call that succeeded, in a transaction that ended as it should.
    #[track_caller]
    pub fn value(self) -> i64 {
        self.ended.expect("it ends");
        self.reply.expect("it was not dropped").expect("it succeeds")
    }
}

/// A connection to the server, by one of the clients.
pub trait Client: Send + Sized + 'static {
    fn connect(url: &str) -> impl Future<Output = Self> + Send;
    fn call(&mut self, call: Call) -> impl Future<Output = Called> + Send;
    /// The same by the function whose permanent failures are kept.
    fn call_keeping(&mut self, call: Call) -> impl Future<Output = Called> + Send;
    /// The same with values that must be the same.
    fn call_with_print(&mut self, call: Call, print: i64) -> impl Future<Output = Called> + Send;
    /// A statement outside of any transaction; the first value of its first row.
    fn ask(&mut self, sql: &str) -> impl Future<Output = Result<Option<i64>, Fault>> + Send;
}

/// What comes of a future within so many polls.
pub async fn cut<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|cx| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            // Without a wake there is no further poll to be counted.
            std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
            polled => polled.map(Some),
        }
    })
    .await
}
