//! What is kept, for how long, and what a duplicate gets.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{EntryState, Error, Failure, Kind, Runtime, fallback, idempotent};
use serde::{Deserialize, Serialize};

use crate::support::{Fault, Good, Permanent, Reply, Service, Transient, events, kind, pass, poll_times};
use crate::{alone, record};

#[idempotent(key = id, ttl = "10m")]
async fn charge(service: &Service, id: u64) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_completed_operation_is_replayed() {
    events::record();
    let service = Service::new([Good]);
    alone()
        .scope(async {
            assert_eq!(charge(&service, 7).await, Ok(1));
            assert_eq!(events::take(), [""; 0]);
            assert_eq!(charge(&service, 7).await, Ok(1));
            assert_eq!(events::take(), ["replayed"]);
            assert_eq!(charge(&service, 8).await, Ok(2), "another operation");
        })
        .await;
    assert_eq!(alone().scope(charge(&service, 7)).await, Ok(3), "another runtime");
}

#[tokio::test(start_paused = true)]
async fn a_result_is_forgotten_after_its_time() {
    let (service, runtime) = (Service::new([Good]), alone());
    let call = || runtime.scope(charge(&service, 7));
    assert_eq!(call().await, Ok(1));
    pass(599_999).await;
    assert_eq!(call().await, Ok(1));
    pass(1).await;
    assert_eq!(call().await, Ok(2), "from the first completion, not from the last look");
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll() {
    let (service, runtime) = (Service::new([Good]), alone());
    runtime
        .scope(async {
            let unpolled = charge(&service, 7);
            assert_eq!(record(&runtime, "results::charge", &7).await, None);
            drop(unpolled);
            assert_eq!(record(&runtime, "results::charge", &7).await, None);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_not_kept_and_the_next_call_runs() {
    for (step, error) in [(Transient, Fault::Transient(1)), (Permanent, Fault::Permanent(1))] {
        let (service, runtime) = (Service::new([step, Good]), alone());
        assert_eq!(runtime.scope(charge(&service, 7)).await, Err(error));
        let entry = record(&runtime, "results::charge", &7).await.expect("a record");
        assert_eq!((entry.state, entry.attempt), (EntryState::Released, 1));
        assert_eq!(runtime.scope(charge(&service, 7)).await, Ok(2));
        let entry = record(&runtime, "results::charge", &7).await.expect("a record");
        assert_eq!((entry.state, entry.attempt), (EntryState::Done, 2));
    }
}

/// A value whose text is as long as it says, for the limit of 256 KiB.
#[idempotent(key = "long")]
async fn long(runs: &AtomicU32, length: usize) -> Result<String, Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok("x".repeat(length))
}

#[tokio::test(start_paused = true)]
async fn a_result_over_the_limit_is_returned_and_not_kept() {
    let fits = 256 * 1024 - 2; // two are for the quotes
    for (length, kept) in [(fits, true), (fits + 1, false)] {
        let (runs, runtime) = (AtomicU32::new(0), alone());
        let call = || runtime.scope(long(&runs, length));
        assert_eq!(call().await.expect("the value").len(), length);
        let again = call().await;
        assert_eq!(again.map(|text| text.len()).map_err(|error| error.kind()).ok(), kept.then_some(length));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        if !kept {
            let error = call().await.expect_err("not kept");
            assert_eq!((error.kind(), error.may_have_run()), (Kind::ResultNotKept, false));
            let state = record(&runtime, "results::long", &"long").await.map(|entry| entry.state);
            assert_eq!(state, Some(EntryState::ResultNotKept));
        }
    }
}

#[idempotent(key = "pairs")]
async fn pairs(runs: &AtomicU32) -> Result<HashMap<(u8, u8), u8>, Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok(HashMap::from([((1, 2), 3)]))
}

#[idempotent(key = "ratio")]
async fn ratio(runs: &AtomicU32, value: f64) -> Result<f64, Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok(value)
}

#[allow(clippy::option_option)] // it is the point
#[idempotent(key = "perhaps")]
async fn perhaps(runs: &AtomicU32, value: Option<Option<u8>>) -> Result<Option<Option<u8>>, Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok(value)
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_encoded_is_returned_and_not_kept() {
    let (runs, runtime) = (AtomicU32::new(0), alone());
    runtime
        .scope(async {
            assert_eq!(pairs(&runs).await.expect("the value").len(), 1);
            assert_eq!(pairs(&runs).await.map_err(|error| error.kind()), Err(Kind::ResultNotKept));
            assert!(ratio(&runs, f64::NAN).await.expect("the value").is_nan());
            assert_eq!(ratio(&runs, 1.0).await.map_err(|error| error.kind()), Err(Kind::ResultNotKept));
            // It would come back as `None`.
            assert_eq!(perhaps(&runs, Some(None)).await, Ok(Some(None)));
            assert_eq!(perhaps(&runs, None).await.map_err(|error| error.kind()), Err(Kind::ResultNotKept));
        })
        .await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u32,
    #[serde(skip)]
    note: String,
}

#[idempotent(key = order.id)]
async fn order(order: &Order) -> Result<Order, Error> {
    Ok(order.clone())
}

#[fallback(|error: Error| Order { id: error.attempts(), note: format!("{:?}", error.kind()) })]
#[idempotent(key = order.id)]
async fn order_anyway(order: &Order) -> Order {
    order.clone()
}

#[derive(Debug, Clone, PartialEq, thiserror::Error, Failure, Serialize, Deserialize)]
enum Skipping {
    #[error("declined")]
    #[failure(permanent)]
    Declined(#[serde(skip)] u32),
    #[error(transparent)]
    #[failure(policy)]
    Policy(Error),
}

#[idempotent(key = code, store_errors)]
async fn skipping(code: u32) -> Result<u32, Skipping> {
    Err(Skipping::Declined(code))
}

/// A type that cannot be compared, and one that the function does not know.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Opaque(Vec<u8>);

#[idempotent(key = "opaque", scope = scope)]
async fn any<T: Serialize + serde::de::DeserializeOwned>(scope: &str, value: T) -> Result<T, Error> {
    Ok(value)
}

/// A list that its `Deserialize` sorts.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ranking(#[serde(deserialize_with = "sorted")] Vec<u32>);

/// As a set of another crate is: its `==` sees no order.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct ForeignSet(#[serde(deserialize_with = "sorted")] Vec<u32>);

impl PartialEq for ForeignSet {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().collect::<HashSet<_>>() == other.0.iter().collect()
    }
}

fn sorted<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<u32>, D::Error> {
    let mut list = Vec::deserialize(from)?;
    list.sort_unstable();
    Ok(list)
}

#[idempotent(key = "ranking")]
async fn ranking() -> Result<Ranking, Error> {
    Ok(Ranking(vec![3, 1, 2]))
}

#[idempotent(key = "foreign set")]
async fn foreign_set() -> Result<ForeignSet, Error> {
    Ok(ForeignSet(vec![3, 1, 2]))
}

#[tokio::test(start_paused = true)]
async fn a_list_that_comes_back_in_another_order_is_not_kept() {
    let runtime = alone();
    runtime
        .scope(async {
            assert_eq!(ranking().await.expect("the value").0, [3, 1, 2]);
            assert_eq!(ranking().await.expect_err("no other list").kind(), Kind::ResultNotKept);
            assert_eq!(foreign_set().await.expect("the value").0, [3, 1, 2]);
            assert_eq!(foreign_set().await.expect("an equal one").0, [1, 2, 3]);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_result_that_would_come_back_as_another_one_is_returned_and_not_kept() {
    let runtime = alone();
    let whole = Order { id: 1, note: String::new() };
    let noted = Order { id: 2, note: "gone".to_owned() };
    events::record();
    runtime
        .scope(async {
            for _ in 0..2 {
                assert_eq!(order(&whole).await, Ok(whole.clone()));
            }
            assert_eq!(events::take(), ["replayed"]);
            assert_eq!(order(&noted).await, Ok(noted.clone()));
            assert_eq!(events::take(), ["not_kept read back from its JSON it is another one"]);
            assert_eq!(order(&noted).await.map_err(|error| error.kind()), Err(Kind::ResultNotKept));
            assert_eq!(order_anyway(&noted).await, noted);
            assert_eq!(order_anyway(&noted).await.note, "ResultNotKept");
            assert_eq!(skipping(0).await, Err(Skipping::Declined(0)));
            assert_eq!(skipping(0).await, Err(Skipping::Declined(0)));
            assert_eq!(skipping(7).await, Err(Skipping::Declined(7)));
            assert!(matches!(skipping(7).await, Err(Skipping::Policy(error)) if error.kind() == Kind::ResultNotKept));
            for _ in 0..2 {
                assert_eq!(any("a", Opaque(vec![7])).await.expect("kept").0, [7]);
                assert_eq!(any("b", vec![7]).await, Ok(vec![7]));
            }
        })
        .await;
}

#[idempotent(key = "map")]
async fn numbers(runs: &AtomicU32) -> Result<HashMap<u32, HashSet<u32>>, Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok((0..50).map(|number| (number, (0..50).collect())).collect())
}

#[tokio::test(start_paused = true)]
async fn maps_and_sets_in_no_order_are_kept() {
    let (runs, runtime) = (AtomicU32::new(0), alone());
    runtime
        .scope(async {
            let first = numbers(&runs).await;
            assert_eq!(numbers(&runs).await, first);
        })
        .await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

/// What a caller asked for.
#[derive(Serialize)]
struct Basket {
    lines: HashMap<String, u32>,
    tags: Option<HashSet<&'static str>>,
}

#[idempotent(key = "basket", fingerprint = (basket, tags, pages))]
async fn buy(basket: &Basket, tags: &HashSet<u32>, pages: &[u32]) -> Result<u32, Error> {
    Ok(7)
}

#[tokio::test(start_paused = true)]
async fn equal_maps_have_equal_fingerprints() {
    // Each has a seed of its own, and so an order of its own.
    let basket = || Basket {
        lines: (0..50).map(|number| (number.to_string(), number)).collect(),
        tags: Some(["a", "b", "c", "d", "e", "f", "g", "h"].into()),
    };
    let tags = || (0..50).collect::<HashSet<u32>>();
    let runtime = alone();
    runtime
        .scope(async {
            for _ in 0..5 {
                assert_eq!(buy(&basket(), &tags(), &[1, 2]).await, Ok(7));
            }
            let more = Basket { tags: None, ..basket() };
            let others = [
                buy(&more, &tags(), &[1, 2]).await,
                buy(&basket(), &HashSet::from([1]), &[1, 2]).await,
                buy(&basket(), &tags(), &[2, 1]).await, // a list has an order
            ];
            assert_eq!(others.map(|other| other.map_err(|error| error.kind())), [Err(Kind::KeyReused); 3]);
        })
        .await;
}

#[idempotent(key = "unit")]
async fn unit(runs: &AtomicU32) -> Result<(), Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

#[idempotent(key = "text")]
async fn text(runs: &AtomicU32) -> Result<String, Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok(String::new())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Receipt {
    id: u128,
    note: Option<String>,
    tags: Vec<String>,
    ratio: f64,
}

#[idempotent(key = "receipt")]
async fn receipt(runs: &AtomicU32, receipt: &Receipt) -> Result<Receipt, Error> {
    runs.fetch_add(1, Ordering::SeqCst);
    Ok(receipt.clone())
}

#[tokio::test(start_paused = true)]
async fn results_that_look_like_nothing_are_results() {
    let (runs, runtime) = (AtomicU32::new(0), alone());
    runtime
        .scope(async {
            for _ in 0..2 {
                assert_eq!(unit(&runs).await, Ok(()));
                assert_eq!(perhaps(&runs, None).await, Ok(None));
                assert_eq!(text(&runs).await, Ok(String::new()));
            }
        })
        .await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_value_comes_back_as_it_was_to_the_last_digit() {
    // A reader of JSON in a hurry gives the last digit of some of these away.
    for ratio in [0.1 + 0.2, 1e-300 / 7.0, f64::MAX, f64::MIN_POSITIVE, 2.638_344_616_030_823e-256, -0.0] {
        let (runs, runtime) = (AtomicU32::new(0), alone());
        let one = Receipt { id: u128::MAX, note: None, tags: vec![String::new()], ratio };
        runtime
            .scope(async {
                assert_eq!(receipt(&runs, &one).await, Ok(one.clone()));
                let again = receipt(&runs, &one).await.expect("replayed");
                assert_eq!(again.ratio.to_bits(), ratio.to_bits(), "{ratio}");
                assert_eq!(again, one);
            })
            .await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error, Failure, Serialize, Deserialize)]
enum Refusal {
    #[error("declined, code {0}")]
    #[failure(permanent)]
    Declined(u32),
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error(transparent)]
    #[failure(policy)]
    Policy(Error),
}

#[idempotent(key = "refuse", store_errors)]
async fn refuse(runs: &AtomicU32, error: Refusal) -> Result<u32, Refusal> {
    runs.fetch_add(1, Ordering::SeqCst);
    Err(error)
}

#[idempotent(key = "refuse once", store_errors, guarantee = at_most_once)]
async fn refuse_once(error: Refusal) -> Result<u32, Refusal> {
    Err(error)
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_can_be_a_result_too() {
    let (runs, runtime) = (AtomicU32::new(0), alone());
    runtime
        .scope(async {
            assert_eq!(refuse(&runs, Refusal::Unreachable).await, Err(Refusal::Unreachable));
            assert_eq!(refuse(&runs, Refusal::Declined(51)).await, Err(Refusal::Declined(51)));
            assert_eq!(refuse(&runs, Refusal::Unreachable).await, Err(Refusal::Declined(51)));
            assert_eq!(refuse_once(Refusal::Declined(52)).await, Err(Refusal::Declined(52)));
            assert_eq!(refuse_once(Refusal::Unreachable).await, Err(Refusal::Declined(52)));
        })
        .await;
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_cannot_be_read_is_an_error_and_never_a_reason_to_run() {
    let runtime = alone();
    assert!(poll_times(runtime.scope(hang(7)), 1).is_none());
    let entry = record(&runtime, "results::hang", &7).await.expect("in doubt");
    let resolved = runtime.operator().resolve(entry.key, entry.fence, &"seven, in letters").await;
    assert!(resolved.expect("memory answers"));
    for _ in 0..2 {
        assert_eq!(kind(runtime.scope(hang(7)).await), Kind::Store);
    }
}

#[idempotent(key = id)]
async fn hang(id: u64) -> Reply {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_full_ledger_lets_the_oldest_result_go_and_says_so_once() {
    events::record();
    let service = Service::new([Good]);
    let runtime = Runtime::builder().memory_capacity(2).build();
    let charge = |id| runtime.scope(charge(&service, id));
    for (id, reply) in [(1, 1), (2, 2), (3, 3), (4, 4), (4, 4), (3, 3)] {
        assert_eq!(charge(id).await, Ok(reply));
        pass(1).await;
    }
    assert_eq!(runtime.evicted(), 2);
    assert_eq!(events::take(), ["evicted", "replayed", "replayed"]);
    assert_eq!(charge(1).await, Ok(5), "it was the oldest");
}

#[tokio::test(start_paused = true)]
async fn nobody_chose_a_ledger_and_the_site_says_so_once() {
    #[idempotent(key = id)]
    async fn unchosen(id: u32) -> Result<u32, Error> {
        Ok(id)
    }
    events::record();
    let runtime = Runtime::builder().build();
    for id in [1, 2] {
        assert_eq!(runtime.scope(unchosen(id)).await, Ok(id));
    }
    assert_eq!(events::take(), ["no_ledger_chosen"]);
}
