//! Results whose types fail, and failures that are results.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Debug;

use serde::{Deserialize, Serialize, Serializer, de};

use super::*;
use crate::edge::edge;
use crate::idempotent::{Stored, ValuesCompared, ValuesNotCompared, codec_of_both, fingerprint};
use crate::{Class, Failure};

/// It panics where it is written, or where it is read, or where it is read once more.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bomb {
    Written,
    Read,
    ReadAgain,
}

thread_local! {
    /// How often a [`Bomb::ReadAgain`] was read.
    static READ: Cell<u32> = const { Cell::new(0) };
}

impl Serialize for Bomb {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Written => panic!("while it is written"),
            Self::Read => serializer.serialize_str("read"),
            Self::ReadAgain => serializer.serialize_str("read again"),
        }
    }
}

impl<'de> Deserialize<'de> for Bomb {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let again = String::deserialize(deserializer)? == "read again";
        assert!(again && READ.replace(READ.get() + 1) == 0, "while it is read");
        Ok(Self::ReadAgain)
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
    call_with(&LEDGER, edge, codec_of_both(), edge.attempt_later(body)).await
}

fn not_run() -> impl Future<Output = Result<Bomb, Refused>> {
    poll_fn(|_| panic!("the body ran"))
}

/// Its operation has happened all the same, and is not run again.
#[tokio::test]
async fn a_result_that_panics_is_not_kept() {
    for bomb in [Bomb::Written, Bomb::Read] {
        for result in [Ok(bomb), Err(Refused::ForGood(bomb))] {
            is_not_kept(result).await;
        }
    }
    let key = IdempotencyKey::of("flaky", None::<&str>, "key").expect("a good key");
    let runtime = Runtime::builder().memory().build();
    for written in [
        runtime.operator().resolve(key, 1, &Bomb::Written).await,
        runtime.operator().resolve(key, 1, &f64::NAN).await,
    ] {
        let error = written.expect_err("it cannot be written").to_string();
        assert!(error.contains("cannot be written as JSON"), "{error}");
    }
}

async fn is_not_kept(result: Result<Bomb, Refused>) {
    let runtime = Runtime::builder().memory().build();
    assert_eq!(runtime.scope(call(async { result })).await, result);
    assert_eq!(state(&runtime).await, Some(EntryState::ResultNotKept));
    assert_eq!(runtime.scope(call(not_run())).await, Err(Refused::Policy(Kind::ResultNotKept)));
}

#[tokio::test]
async fn a_result_that_panics_when_it_is_read_is_an_error_each_time() {
    for result in [Ok(Bomb::ReadAgain), Err(Refused::ForGood(Bomb::ReadAgain))] {
        READ.set(0);
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
        Err(Refused::ForGood(Bomb::ReadAgain))
    }));
    let successor = runtime.scope(async {
        tokio::time::sleep(Duration::from_secs(70)).await;
        call(async { Ok(Bomb::ReadAgain) }).await
    });
    let (late, successor) = tokio::join!(late, successor);
    assert_eq!((late, successor), (Err(Refused::Policy(Kind::LeaseLost)), Ok(Bomb::ReadAgain)));
}

/// What is kept of a result.
fn kept<T: Stored>(value: &T) -> Option<Arc<str>> {
    codec::<Result<T, Error>>().value.write(value).ok()
}

/// The same where its type can be compared.
fn kept_compared<T: Stored + PartialEq>(value: &T) -> Option<Arc<str>> {
    codec::<Result<T, Error>>().values_compared().value.write(value).ok()
}

#[test]
fn only_what_comes_back_is_kept() {
    assert_eq!(kept(&()), Some("null".into()));
    assert_eq!(kept(&None::<u8>), Some("null".into()));
    assert_eq!(kept(&String::new()), Some("\"\"".into()));
    assert!(kept(&(Some(1.5), [Some('x'), None], BTreeMap::from([(1, 'a')]))).is_some());
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(kept(&number).is_none() && kept(&vec![Some(number)]).is_none());
        // Also where a type has a `==`, to which `NaN` is not even itself.
        assert!(kept_compared(&number).is_none() && kept_compared(&Some(number)).is_none());
    }
    assert!(kept(&Some(())).is_none(), "it would come back as `None`");
    assert!(kept(&BTreeMap::from([("x".to_owned(), Some(None::<u8>))])).is_none());
    assert!(kept(&BTreeMap::from([((1, 2), 3)])).is_none(), "JSON has only strings for keys");
}

/// They come back in another order, under another seed.
#[test]
fn maps_and_sets_are_kept() {
    let map: HashMap<u32, String> = (0..100).map(|number| (number, number.to_string())).collect();
    let set: HashSet<u32> = (0..100).collect();
    let other: HashSet<u32> = (0..100).collect();
    assert!(
        kept(&map).is_some() && kept(&Some(vec![set.clone()])).is_some() && kept(&Unnamed(other)).is_some()
    );
    assert!(kept_compared(&map).is_some() && kept_compared(&set).is_some());
}

/// A set of a crate that nobody here knows: it writes its elements one by one.
struct Unnamed(HashSet<u32>);

impl Serialize for Unnamed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for Unnamed {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|numbers| Self(numbers.into_iter().collect()))
    }
}

/// JSON is read to a depth of 128, and written to any.
#[test]
fn what_is_nested_too_deeply_is_not_kept() {
    let lists = |depth| (0..depth).fold(serde_json::json!([]), |inner, _| serde_json::json!([inner]));
    assert!(kept(&lists(126)).is_some());
    assert!(kept(&lists(128)).is_none());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unwritten {
    id: u32,
    #[serde(skip_serializing)]
    note: String,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Skipped {
    id: u32,
    #[serde(skip)]
    note: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Number {
    Small(u8),
    Float(f64),
    Large(i64),
    Same(u8),
}

/// Each of them comes back without an error.
#[test]
fn what_comes_back_as_something_else_is_not_kept() {
    assert!(kept(&Unwritten { id: 1, note: String::new() }).is_none(), "that one with an error");
    assert!(kept(&Number::Small(7)).is_some() && kept(&Number::Float(0.5)).is_some());
    assert!(kept(&Number::Large(7)).is_none(), "a small one");
    assert!(kept(&Number::Large(700)).is_none(), "a float");
    assert!(kept_compared(&Number::Small(7)).is_some() && kept_compared(&Number::Same(7)).is_none());
    let skipped = |note: &str| Skipped { id: 1, note: note.to_owned() };
    assert!(kept_compared(&skipped("")).is_some() && kept_compared(&skipped("gone")).is_none());
    // What a `==` does not look at is seen by serde, and what is not like itself is not another one.
    assert!(kept_compared(&Lenient(f64::NAN)).is_none() && kept_compared(&Lenient(0.5)).is_some());
    assert!(kept_compared(&NeverEqual).is_some());
}

#[derive(Debug, Serialize, Deserialize)]
struct Lenient(f64);

impl PartialEq for Lenient {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct NeverEqual;

impl PartialEq for NeverEqual {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

/// As generated code asks: by `==` where there is one, and else without.
#[test]
fn a_codec_compares_where_it_can() {
    #[derive(Serialize, Deserialize)]
    struct Opaque(#[serde(skip)] u8);
    let codec = codec::<Result<Opaque, Error>>();
    assert!(codec.values_compared().value.write(&Opaque(7)).is_ok(), "nobody can see it");
    let codec = super::codec::<Result<Skipped, Error>>();
    assert!(
        codec
            .values_compared()
            .value
            .write(&Skipped { note: "gone".to_owned(), ..Skipped::default() })
            .is_err()
    );
}

thread_local! {
    static READS: Cell<u32> = const { Cell::new(0) };
}

#[derive(Debug, PartialEq, Serialize)]
struct Counted(u32);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        READS.set(READS.get() + 1);
        u32::deserialize(deserializer).map(Self)
    }
}

async fn counted(body: impl Future<Output = Result<Counted, Error>>) -> Result<Counted, Error> {
    let edge = edge_rejecting::<Result<Counted, Error>>();
    call_with(&LEDGER, edge, codec().values_compared(), edge.attempt_later(body)).await
}

#[tokio::test]
async fn a_result_is_read_back_once_when_it_is_kept() {
    READS.set(0);
    let (_guard, told) = listen("not_kept");
    let runtime = Runtime::builder().memory().build();
    assert_eq!(runtime.scope(counted(async { Ok(Counted(7)) })).await, Ok(Counted(7)));
    assert_eq!(READS.get(), 1);
    assert_eq!(runtime.scope(counted(poll_fn(|_| panic!("the body ran")))).await, Ok(Counted(7)));
    assert_eq!(READS.get(), 2, "the replay");
    // Neither a failure that is not kept, nor a result that is too long.
    let runtime = Runtime::builder().memory().build();
    let failure = Error::new(Kind::Injected, &SITE);
    assert_eq!(runtime.scope(counted(async { Err(failure.clone()) })).await, Err(failure));
    assert_eq!((READS.get(), told.load(Ordering::SeqCst)), (2, 0));
}

#[tokio::test]
async fn a_result_that_is_not_kept_is_told_of() {
    let (_guard, told) = listen("not_kept");
    let runtime = Runtime::builder().memory().build();
    let edge = edge_rejecting::<Result<f64, Error>>();
    let called = call_with(&LEDGER, edge, codec(), edge.attempt_later(async { Ok(f64::NAN) }));
    assert!(runtime.scope(called).await.is_ok_and(f64::is_nan));
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

const SECRET: &str = "4111-1111-1111-1111";

/// Its errors quote what they are about.
#[derive(Debug)]
struct Talkative(&'static str);

impl Serialize for Talkative {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom(self.0))
    }
}

impl<'de> Deserialize<'de> for Talkative {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(de::Error::custom(text))
    }
}

fn unread<T: Stored + Debug>(json: &str) -> String {
    let error = (codec::<Result<T, Error>>().value.read)(json).expect_err("it does not read");
    format!("{error} {error:?} {:?}", error.source().map(ToString::to_string))
}

#[test]
fn what_is_kept_is_not_quoted_where_it_cannot_be_read() {
    let json = format!("{{\"card\":\"{SECRET}\"}}");
    let texts = [
        unread::<BTreeMap<String, u64>>(&json),
        unread::<Skipped>(&format!("{{\"{SECRET}\":1}}")),
        unread::<Number>(&format!("\"{SECRET}\"")),
        unread::<Option<bool>>(&format!("\"{SECRET}\"")),
        unread::<Talkative>(&format!("\"{SECRET}\"")),
        unread::<String>(&format!("\"{SECRET}")),
        unread::<String>(&format!("\"{SECRET}\" {SECRET}")),
    ];
    for (index, text) in texts.iter().enumerate() {
        assert!(!text.contains("4111") && text.contains("what is kept cannot be read as `"), "{text}");
        // An untagged enum and a custom error have no place.
        assert_eq!(text.contains("at line 1, column "), ![2, 4].contains(&index), "{text}");
    }
    assert!(
        texts[0].contains(
            "BTreeMap<alloc::string::String, u64>`: other data than it expects at line 1, column 29"
        ),
        "{texts:?}"
    );
    assert!(texts[5].contains("an early end") && texts[6].contains("a syntax error"), "{texts:?}");
}

#[tokio::test]
async fn what_cannot_be_written_is_not_quoted_either() {
    let runtime = Runtime::builder().memory().build();
    let key = IdempotencyKey::of("flaky", None::<&str>, "key").expect("a good key");
    let resolved =
        runtime.operator().resolve(key, 1, &Talkative(SECRET)).await.expect_err("it does not write");
    let unprinted = fingerprint(&(1, Talkative(SECRET))).expect_err("it does not write");
    let names = Names { key: Encoded::of("key"), scope: None, fingerprint: Some(Err(unprinted.clone())) };
    let Answer::Rejected(rejected) = runtime.scope(async { LEDGER.ask(&names, || "").answer().await }).await
    else {
        panic!("it was asked for");
    };
    let source = std::error::Error::source(&rejected).map(ToString::to_string);
    assert_eq!(source.as_ref(), Some(&unprinted));
    for text in [format!("{resolved} {resolved:?}"), unprinted, format!("{rejected} {rejected:?}")] {
        assert!(
            !text.contains("4111") && (text.contains("Talkative") || text.contains("InvalidKey")),
            "{text}"
        );
    }
}
