//! A secret in everything that callers give: no error, event or `Debug` of ours repeats it.
#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use resilience::{
    Error, Failure, IdempotencyKey, Kind, Runtime, bulkhead, circuit_breaker, context, exclusive, idempotent,
    policies, rate_limit, retry, timeout,
};
use serde::{Deserialize, Serialize, Serializer, ser};
use tokio::time::{Instant, advance, sleep};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, SubscriberExt};

const SECRET: &str = "4111-1111-s3cr3t";

/// All that was said: events and spans of this crate at every level, errors with their sources, `Debug`.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<String>>);

impl Said {
    fn add(&self, text: impl fmt::Display) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *said = format!("{said}{text}\n");
    }

    /// The error in every form that it has.
    fn error(&self, error: &Error) -> Kind {
        self.add(format_args!(
            "{error} {error:?} {error:#?} {}",
            serde_json::to_string(error).expect("JSON")
        ));
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            self.add(format_args!("{error} {error:?} {error:#?}"));
            source = error.source();
        }
        error.kind()
    }

    fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Said {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("resilience") {
            event.record(&mut self.clone());
        }
    }

    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        if span.metadata().target().starts_with("resilience") {
            span.record(&mut self.clone());
        }
    }
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(format_args!("{field}={value:?}"));
    }
}

type Reply<T = String> = Result<T, Error>;

#[derive(Debug, thiserror::Error, Failure)]
enum Fault {
    #[error("{0}")]
    #[failure(transient)]
    Transient(String),
    #[error("another")]
    #[failure(policy)]
    Policy(Error),
}

impl Fault {
    fn rejection(self) -> Error {
        match self {
            Self::Policy(error) => error,
            Self::Transient(_) => panic!("the user's own"),
        }
    }
}

#[timeout(ms = 10)]
async fn late(_: &str) -> Reply {
    pending().await
}

#[retry(attempts = 2, repeatable)]
#[circuit_breaker(consecutive = 1, key = card)]
async fn broken(card: &str) -> Result<(), Fault> {
    Err(Fault::Transient(card.to_owned()))
}

#[bulkhead(max = 1, key = card)]
async fn one_at_a_time(card: &str) -> Reply {
    sleep(Duration::from_millis(card.len() as u64)).await;
    Ok(String::new())
}

#[rate_limit(permits = 1, per = "1h", key = card)]
async fn seldom(card: &str) -> Reply {
    Ok(card.to_owned())
}

#[exclusive(key = card, lease = "10s")]
async fn alone(card: &str) -> Reply {
    sleep(Duration::from_secs(9)).await;
    Ok(card.to_owned())
}

#[idempotent(key = card, scope = card, fingerprint = values, reject)]
async fn charge(card: &str, values: &str) -> Reply {
    sleep(Duration::from_millis(10)).await;
    Ok(values.to_owned())
}

/// What it cannot do, it says in full.
struct Talkative(&'static str);

impl Serialize for Talkative {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(ser::Error::custom(self.0))
    }
}

#[idempotent(key = card, fingerprint = values, optional)]
async fn unprintable(card: Option<&str>, values: Talkative) -> Reply {
    Ok(format!("{card:?} {}", values.0))
}

#[idempotent(key = card, guarantee = at_most_once)]
async fn once(card: &str) -> Result<String, Fault> {
    Err(Fault::Transient(card.to_owned()))
}

#[idempotent(key = card)]
async fn too_long(card: &str) -> Reply {
    Ok(card.repeat(20_000))
}

/// Reads back what it does not write.
#[derive(Serialize, Deserialize)]
struct Card {
    #[serde(skip_serializing)]
    number: String,
}

#[idempotent(key = card)]
async fn unfaithful(card: &str) -> Reply<Card> {
    Ok(Card { number: card.to_owned() })
}

#[policies(name = "secrets.number")]
#[idempotent(key = card, guarantee = at_most_once)]
async fn number(card: &str) -> Result<u64, Fault> {
    Err(Fault::Transient(card.to_owned()))
}

#[policies(name = "secrets.twice")]
#[idempotent(key = card)]
async fn one(card: &str) -> Reply {
    Ok(card.to_owned())
}

#[policies(name = "secrets.twice")]
#[idempotent(key = card)]
async fn two(card: &str) -> Reply {
    Ok(card.to_owned())
}

/// Each kind that this program can be given, and how it comes to it.
async fn provoke(said: &Said, runtime: &Runtime) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    let mut told = |error: Error| {
        kinds.insert(format!("{:?}", said.error(&error)));
    };
    let fails = "a rejection";
    told(late(SECRET).await.expect_err(fails));
    let soon = Instant::now() + Duration::from_millis(1);
    told(context::with_deadline(soon, late(SECRET)).await.expect_err(fails));
    let _ = broken(SECRET).await;
    told(broken(SECRET).await.expect_err(fails).rejection());
    let (_, second) = tokio::join!(one_at_a_time(SECRET), one_at_a_time(SECRET));
    told(second.expect_err(fails));
    assert!(seldom(SECRET).await.is_ok());
    told(seldom(SECRET).await.expect_err(fails));
    let (_, second) = tokio::join!(alone(SECRET), alone(SECRET));
    told(second.expect_err(fails));
    let (first, second) = tokio::join!(charge(SECRET, SECRET), charge(SECRET, SECRET));
    assert!(first.is_ok());
    told(second.expect_err(fails));
    told(charge(SECRET, &SECRET[1..]).await.expect_err(fails));
    told(charge(&SECRET.repeat(100), SECRET).await.expect_err(fails));
    told(unprintable(Some(SECRET), Talkative(SECRET)).await.expect_err(fails));
    let _ = once(SECRET).await;
    told(once(SECRET).await.expect_err(fails).rejection());
    assert!(too_long(SECRET).await.is_ok());
    told(too_long(SECRET).await.expect_err(fails));
    assert_eq!(
        unfaithful(SECRET).await.map(|card| card.number).as_deref(),
        Ok(SECRET),
        "the first caller has it"
    );
    told(unfaithful(SECRET).await.map(|_| ()).expect_err(fails));
    // Another program has kept a result of another type.
    let _ = number(SECRET).await;
    let key = IdempotencyKey::of("secrets.number", None::<&str>, SECRET).expect("a good key");
    let entry = runtime.operator().inspect(key).await.expect("memory answers").expect("it is in doubt");
    assert!(runtime.operator().resolve(key, entry.fence, &SECRET).await.expect("memory answers"));
    told(number(SECRET).await.expect_err(fails).rejection());
    told(one(SECRET).await.expect_err(fails));
    told(two(SECRET).await.expect_err(fails));
    // The process stands still for longer than its lease.
    let mut stopped = pin!(alone(SECRET));
    assert!(poll_fn(|cx| Poll::Ready(stopped.as_mut().poll(cx).is_pending())).await);
    advance(Duration::from_secs(11)).await;
    told(stopped.await.expect_err(fails));
    for entry in runtime.operator().find(SECRET, 100).await.expect("memory answers") {
        assert!(entry.text.contains(SECRET), "whoever asks by name may read it");
        said.add(format_args!("{entry:?} {:?}", entry.key));
    }
    said.add(format_args!("{:?}", SECRET.parse::<IdempotencyKey>().map_err(|error| error.to_string())));
    kinds
}

#[tokio::test(start_paused = true)]
async fn no_text_of_ours_repeats_it() {
    let said = Said::default();
    let _quiet = tracing::subscriber::set_default(tracing_subscriber::registry().with(said.clone()));
    let runtime = Runtime::builder().memory().build();
    let kinds = runtime.scope(provoke(&said, &runtime)).await;
    // `Conflict` needs a database, and nothing gives `BudgetExhausted` and `Injected`.
    let all = [
        "BulkheadFull",
        "CircuitOpen",
        "DeadlineExceeded",
        "Held",
        "InProgress",
        "InvalidKey",
        "KeyReused",
        "LeaseLost",
        "NameClash",
        "OutcomeUnknown",
        "RateLimited",
        "ResultNotKept",
        "Store",
        "Timeout",
    ];
    assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
    for url in
        ["redis://u:{}@127.0.0.1:1", "{}", "file:/dev/null/x?key={}", "postgres://h/d?password={}", "{}://h"]
    {
        let opened = Runtime::open(&url.replace("{}", SECRET)).await;
        let error = opened.expect_err("there is none");
        said.add(format_args!("{error} {error:?}"));
    }
    let text = said.text();
    for part in [SECRET, "4111", "s3cr3t"] {
        let line = text.lines().find(|line| line.contains(part));
        assert_eq!(line, None, "{part}");
    }
    for event in
        ["not_kept", "name_clash", "in_doubt", "transition", "lease_lost", "retry_scheduled", "rejected"]
    {
        assert!(text.contains(&format!("event=\"{event}\"")), "{event} was looked at");
    }
}
