//! The ledger in memory: the conformance of every ledger, its bounds, and a model of it.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_now::now;
use proptest::prelude::*;

use super::lines::Kind;
use super::{LEAST_BYTES, MemoryLedger, USUAL_BYTES, USUAL_CAPACITY};
use crate::idempotent::tests::listen;
use crate::ledger::{Body, Claimed, EntryState, Hold, Ledger, Stored, Written};
use crate::testing::ledger_conformance;
use crate::testing::op::{Op, op};

/// The ledger in memory answers without waiting.
mod futures_now {
    use std::pin::pin;

    use crate::ledger::Reply;

    pub(super) fn now<T>(reply: Reply<'_, T>) -> T {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match pin!(reply).poll(&mut context) {
            std::task::Poll::Ready(Ok(answer)) => answer,
            _ => panic!("the ledger in memory waits for nobody, and does not fail"),
        }
    }
}

fn value(number: u8) -> Stored {
    Stored { version: 3, body: Body::Value(number.to_string().into()) }
}

fn claim(ledger: &MemoryLedger, op: &Op, owner: u128) -> Hold {
    match now(ledger.claim(&op.request(owner))) {
        Claimed::Granted { fence } => Hold { key: op.key, owner, fence },
        other => panic!("not granted: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn it_conforms() {
    ledger_conformance(&MemoryLedger::new(100, USUAL_BYTES)).await;
    ledger_conformance(&MemoryLedger::new(100_000, USUAL_BYTES)).await;
}

#[tokio::test(start_paused = true)]
async fn the_oldest_result_goes_and_a_running_claim_never() {
    let ledger = MemoryLedger::new(2, USUAL_BYTES);
    let ops: Vec<Op> = (0..5).map(|number| op(&format!("{number}"))).collect();
    let running: Vec<Op> = (5..9).map(|number| op(&format!("{number}"))).collect();
    let doubtful = Op { at_most_once: true, ..op("doubtful") };
    let holds: Vec<Hold> = running.iter().map(|op| claim(&ledger, op, 1)).collect();
    ledger.abandon(claim(&ledger, &doubtful, 1), true);
    for op in &ops {
        let hold = claim(&ledger, op, 1);
        assert_eq!(now(ledger.complete(hold, value(1), op.ttl)), Written::Yes);
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert_eq!(ledger.evicted(), 3);
    let known: Vec<bool> = ops.iter().map(|op| now(ledger.inspect(op.key)).is_some()).collect();
    assert_eq!(known, [false, false, false, true, true]);
    for hold in holds {
        assert_eq!(now(ledger.renew(hold, op("x").ttl)), Written::Yes);
    }
    assert_eq!(now(ledger.in_doubt(9)).len(), 1, "nor does what waits for an operator");
}

#[tokio::test(start_paused = true)]
async fn what_has_failed_or_expired_takes_no_room() {
    let ledger = MemoryLedger::new(10, USUAL_BYTES);
    for number in 0..1_000 {
        let op = op(&format!("{number}"));
        let hold = claim(&ledger, &op, 1);
        assert_eq!(now(ledger.release(hold)), Written::Yes);
        ledger.abandon(claim(&ledger, &op, 2), true);
    }
    // One key that fails over and over, and one that is evicted over and over.
    for number in 0..1_000 {
        let hold = claim(&ledger, &op("again"), number);
        assert_eq!(now(ledger.release(hold)), Written::Yes);
        let hold = claim(&ledger, &op(&format!("done {number}")), number);
        assert_eq!(now(ledger.complete(hold, value(1), op("x").ttl)), Written::Yes);
    }
    let sizes = |ledger: &MemoryLedger| {
        let shard = ledger.shards.iter().next().expect("one shard");
        assert!(shard.records.slots() <= 21, "{}", shard.records.slots());
        [shard.records.iter().count(), shard.settled.count(Kind::Result), shard.settled.count(Kind::Spare)]
    };
    assert_eq!(sizes(&ledger), [20, 10, 10]);
    assert_eq!(ledger.evicted(), 990, "only results are counted");
    tokio::time::advance(op("x").ttl).await;
    assert_eq!(now(ledger.inspect(op("nobody").key)), None);
    assert_eq!(sizes(&ledger), [0; 3]);
}

/// As long as a result may be.
fn long() -> Stored {
    Stored { version: 3, body: Body::Value("x".repeat(250_000).into()) }
}

fn bytes(ledger: &MemoryLedger) -> usize {
    assert!(ledger.shards.iter().all(|shard| shard.is_sound()));
    ledger.shards.iter().map(|shard| shard.bytes()).sum()
}

fn is_full(ledger: &MemoryLedger, op: &Op) -> bool {
    let request = op.request(9);
    let mut claim = std::pin::pin!(ledger.claim(&request));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match claim.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => {
            assert!(error.to_string().contains("the ledger in memory is full"), "{error}");
            assert!(!error.may_be_repeated() && !error.may_have_been_sent());
            true
        }
        _ => false,
    }
}

#[tokio::test(start_paused = true)]
async fn results_take_no_more_bytes_than_they_may() {
    for most in [LEAST_BYTES, 10 * LEAST_BYTES] {
        let ledger = MemoryLedger::new(USUAL_CAPACITY, most);
        for number in 0..100 {
            let op = op(&number.to_string());
            assert_eq!(now(ledger.complete(claim(&ledger, &op, 1), long(), op.ttl)), Written::Yes);
            assert!(bytes(&ledger) <= most && now(ledger.inspect(op.key)).is_some(), "the youngest stays");
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(now(ledger.inspect(op("0").key)), None);
        let kept = most / 250_500;
        assert_eq!(ledger.evicted(), 100 - u64::try_from(kept).expect("small"));
        assert!(bytes(&ledger) > most - 260_000, "{kept} are kept");
    }
}

/// In many shards, each of which has its share.
#[tokio::test(start_paused = true)]
async fn all_shards_together_take_no_more_bytes_than_they_may() {
    let ledger = MemoryLedger::new(USUAL_CAPACITY, 64 * LEAST_BYTES);
    for number in 0..1_000 {
        let op = op(&number.to_string());
        assert_eq!(now(ledger.complete(claim(&ledger, &op, 1), long(), op.ttl)), Written::Yes);
    }
    assert!(bytes(&ledger) <= 64 * LEAST_BYTES && ledger.shards.iter().count() == 64);
    assert!(ledger.evicted() > 700, "{}", ledger.evicted());
}

#[tokio::test(start_paused = true)]
async fn what_runs_and_what_is_in_doubt_takes_no_more_bytes_than_it_may() {
    for in_doubt in [false, true] {
        let ledger = MemoryLedger::new(USUAL_CAPACITY, LEAST_BYTES);
        let done = op("done");
        assert_eq!(now(ledger.complete(claim(&ledger, &done, 1), long(), done.ttl)), Written::Yes);
        let ops = (0..3_000).map(|number| Op { at_most_once: in_doubt, ..op(&format!("{number:0>400}")) });
        let mut holds = Vec::new();
        for op in ops {
            if is_full(&ledger, &op) {
                continue;
            }
            // Asked again by the same owner, it is the same claim.
            let hold = claim(&ledger, &op, 9);
            if in_doubt {
                ledger.abandon(hold, true);
            }
            holds.push(hold);
            assert!(bytes(&ledger) <= LEAST_BYTES);
        }
        assert!((1_000..1_400).contains(&holds.len()), "{}", holds.len());
        assert_eq!(now(ledger.inspect(done.key)), None, "results go first");
        for hold in &holds {
            let state = now(ledger.inspect(hold.key)).map(|entry| entry.state);
            assert_eq!(state, Some(if in_doubt { EntryState::InDoubt } else { EntryState::Running }));
        }
        assert!(is_full(&ledger, &done), "nothing goes by itself");
        // Room for one, and for its result.
        let [one, ..] = holds[..] else { panic!("there are some") };
        if in_doubt {
            assert!(now(ledger.forget(one.key, one.fence)));
            assert!(!is_full(&ledger, &done));
        } else {
            assert_eq!(now(ledger.complete(one, value(1), done.ttl)), Written::Yes);
            assert_eq!(ledger.evicted(), 1);
        }
    }
}

/// What has just been told as kept is not forgotten in the same breath: its operation would run again.
#[tokio::test(start_paused = true)]
async fn a_result_without_room_leaves_its_record() {
    let ledger = MemoryLedger::new(USUAL_CAPACITY, LEAST_BYTES);
    let (done, doubtful) = (op("done"), Op { at_most_once: true, ..op("in doubt") });
    let running = claim(&ledger, &done, 1);
    let hold = claim(&ledger, &doubtful, 1);
    ledger.abandon(hold, true);
    let mut others = (0..3_000).map(|number| Op { at_most_once: true, ..op(&format!("{number:0>400}")) });
    let taken = others.by_ref().take_while(|op| !is_full(&ledger, op)).count();
    assert!(taken > 1_000, "{taken}");
    assert_eq!(now(ledger.complete(running, long(), done.ttl)), Written::Yes);
    assert!(now(ledger.resolve(doubtful.key, hold.fence, long().body)));
    for op in [done, doubtful] {
        let entry = now(ledger.inspect(op.key)).expect("it is remembered");
        assert_eq!((entry.state, entry.result), (EntryState::ResultNotKept, None));
    }
    assert!(bytes(&ledger) <= LEAST_BYTES && ledger.evicted() == 2);
}

/// Those that run count as what they may become.
#[tokio::test(start_paused = true)]
async fn what_waits_for_an_operator_is_bounded_in_number() {
    let ledger = MemoryLedger::new(100, USUAL_BYTES);
    let ops = |name: &str| Op { at_most_once: true, ..op(name) };
    for number in 0..20_000 {
        let op = ops(&number.to_string());
        assert_eq!(is_full(&ledger, &op), number >= 100, "{number}");
        if number < 100 {
            ledger.abandon(claim(&ledger, &op, 9), true);
        }
    }
    assert_eq!(now(ledger.in_doubt(usize::MAX)).len(), 100);
    assert!(!is_full(&ledger, &op("dedup")), "what is in doubt under it can be run again");
    let entry = now(ledger.inspect(ops("7").key)).expect("in doubt");
    assert!(now(ledger.resolve(entry.key, entry.fence, Body::NotKept)));
    assert!(!is_full(&ledger, &ops("one")) && is_full(&ledger, &ops("two")));
}

#[tokio::test(start_paused = true)]
async fn a_full_ledger_is_told_of_once() {
    let (_guard, told) = listen("ledger_full");
    let ledger = MemoryLedger::new(1, USUAL_BYTES);
    let once = |name: &str| Op { at_most_once: true, ..op(name) };
    assert!(!is_full(&ledger, &once("one")) && told.load(Ordering::SeqCst) == 0);
    assert!(is_full(&ledger, &once("two")) && is_full(&ledger, &once("three")));
    assert_eq!(told.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn times_beyond_the_clock_are_no_panic() {
    let ledger = MemoryLedger::new(10, USUAL_BYTES);
    let op = Op { ttl: Duration::MAX, ..op("long") };
    let hold = claim(&ledger, &op, 1);
    assert_eq!(now(ledger.renew(hold, Duration::MAX)), Written::Yes);
    assert_eq!(now(ledger.complete(hold, value(1), Duration::MAX)), Written::Yes);
    assert_eq!(now(ledger.inspect(op.key)).map(|entry| entry.state), Some(EntryState::Done));
}

/// What a test does to a ledger. Keys and owners are few, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Claim { key: usize, owner: u128 },
    Renew { hold: usize },
    Complete { hold: usize, value: u8 },
    Release { hold: usize },
    Abandon { hold: usize, may_have_run: bool },
    Forget { hold: usize },
    Resolve { hold: usize, value: u8 },
    Pass { millis: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let hold = || 0..12usize;
    prop_oneof![
        6 => (0..4usize, 0..3u128).prop_map(|(key, owner)| Step::Claim { key, owner }),
        1 => hold().prop_map(|hold| Step::Renew { hold }),
        2 => (hold(), any::<u8>()).prop_map(|(hold, value)| Step::Complete { hold, value }),
        2 => hold().prop_map(|hold| Step::Release { hold }),
        2 => (hold(), any::<bool>()).prop_map(|(hold, may_have_run)| Step::Abandon { hold, may_have_run }),
        1 => hold().prop_map(|hold| Step::Forget { hold }),
        1 => (hold(), any::<u8>()).prop_map(|(hold, value)| Step::Resolve { hold, value }),
        4 => prop_oneof![0..500u64, 200_000..900_000u64].prop_map(|millis| Step::Pass { millis }),
    ]
}

/// One record as section 6 of the design tells it, and nothing else: no orders, no waiters, no shards.
#[derive(Debug, Clone, PartialEq)]
struct Simple {
    hold: Hold,
    state: Known,
    attempt: u32,
    /// The end of the lease or of the memory, in milliseconds.
    end: u64,
}

#[derive(Debug, Clone, PartialEq)]
enum Known {
    Running,
    InDoubt,
    Released,
    Done(u8),
}

#[derive(Default)]
struct Model {
    clock: u64,
    records: HashMap<usize, Simple>,
    /// By key.
    last_fences: HashMap<usize, u64>,
}

const LEASE: u64 = 800; // of the claims of `op`
const TTL: u64 = 600_000;

/// The odd keys are `at_most_once`.
fn ops() -> Vec<Op> {
    (0..4).map(|key| Op { at_most_once: key % 2 == 1, ..op(&format!("model {key}")) }).collect()
}

impl Model {
    fn expire(&mut self) {
        let clock = self.clock;
        self.records.retain(|key, record| match record.state {
            Known::Running => true,
            Known::InDoubt if key % 2 == 1 => true,
            _ => record.end > clock,
        });
    }

    fn state(&self, key: usize) -> Option<EntryState> {
        self.records.get(&key).map(|record| match record.state {
            Known::Running if record.end > self.clock => EntryState::Running,
            Known::Running | Known::InDoubt => EntryState::InDoubt,
            Known::Released => EntryState::Released,
            Known::Done(_) => EntryState::Done,
        })
    }

    /// What a claim must say; `None` for a new grant.
    fn claim(&self, key: usize, owner: u128) -> Option<String> {
        let record = self.records.get(&key)?;
        match (&record.state, self.state(key)?) {
            (Known::Done(value), _) => Some(format!("done {value}")),
            (_, EntryState::Running) if record.hold.owner == owner => {
                Some(format!("granted {}", record.hold.fence))
            }
            (_, EntryState::Running) => Some(format!("running {}", record.end - self.clock)),
            (_, EntryState::InDoubt) if key % 2 == 1 => Some("in doubt".to_owned()),
            _ => None,
        }
    }

    fn granted(&mut self, key: usize, hold: Hold) {
        let last = self.last_fences.insert(key, hold.fence);
        assert!(last < Some(hold.fence), "the fence rises with each claim of a key");
        let attempt = self.records.get(&key).map_or(1, |record| record.attempt + 1);
        let record = Simple { hold, state: Known::Running, attempt, end: self.clock + LEASE };
        self.records.insert(key, record);
    }

    /// A write under a claim: whether it finds it, and then what it makes of it.
    fn write(&mut self, key: usize, hold: Hold, state: Known, keeps: u64) -> Written {
        match self.records.get_mut(&key) {
            Some(record) if record.hold == hold => match record.state {
                Known::Running => {
                    record.state = state;
                    record.end = self.clock + keeps;
                    Written::Yes
                }
                Known::Done(_) => Written::Yes,
                Known::Released if matches!(state, Known::Released) => Written::Yes,
                Known::InDoubt | Known::Released => Written::LeaseLost,
            },
            _ => Written::LeaseLost,
        }
    }
}

/// A ledger and its model, side by side.
struct Pair {
    ledger: MemoryLedger,
    model: Model,
    ops: Vec<Op>,
    holds: Vec<(usize, Hold)>,
}

impl Pair {
    fn claim(&mut self, key: usize, owner: u128) {
        let claimed = now(self.ledger.claim(&self.ops[key].request(owner)));
        let said = match &claimed {
            Claimed::Granted { fence } => format!("granted {fence}"),
            Claimed::Running { left, .. } => format!("running {}", left.as_millis()),
            Claimed::Done(stored) => match &stored.body {
                Body::Value(json) => format!("done {json}"),
                other => panic!("{other:?}"),
            },
            Claimed::InDoubt => "in doubt".to_owned(),
            Claimed::Mismatch => panic!("no fingerprints here"),
        };
        match (self.model.claim(key, owner), claimed) {
            (Some(expected), _) => assert_eq!(said, expected),
            (None, Claimed::Granted { fence }) => {
                let hold = Hold { key: self.ops[key].key, owner, fence };
                self.model.granted(key, hold);
                self.holds.push((key, hold));
            }
            (None, _) => panic!("not granted: {said}"),
        }
    }

    /// One of the latest claims.
    fn hold(&self, back: usize) -> Option<(usize, Hold)> {
        self.holds.iter().rev().nth(back).copied()
    }

    fn write(&mut self, back: usize, step: &Step) {
        let Some((key, hold)) = self.hold(back) else { return };
        let (ledger, model) = (&self.ledger, &mut self.model);
        match *step {
            Step::Renew { .. } => {
                let written = now(ledger.renew(hold, Duration::from_millis(LEASE)));
                assert_eq!(written, model.write(key, hold, Known::Running, LEASE));
            }
            Step::Complete { value: number, .. } => {
                let written = now(ledger.complete(hold, value(number), Duration::from_millis(TTL)));
                assert_eq!(written, model.write(key, hold, Known::Done(number), TTL));
            }
            Step::Release { .. } => {
                assert_eq!(now(ledger.release(hold)), model.write(key, hold, Known::Released, TTL));
            }
            Step::Abandon { may_have_run, .. } => {
                ledger.abandon(hold, may_have_run);
                let state = if may_have_run { Known::InDoubt } else { Known::Released };
                model.write(key, hold, state, TTL);
            }
            _ => self.operate(key, hold, step),
        }
    }

    fn operate(&mut self, key: usize, hold: Hold, step: &Step) {
        let state = self.model.state(key);
        let current = self.model.records.get(&key).is_some_and(|record| record.hold.fence == hold.fence);
        match *step {
            Step::Forget { .. } => {
                let forgotten = now(self.ledger.forget(hold.key, hold.fence));
                assert_eq!(forgotten, current && state != Some(EntryState::Running));
                if forgotten {
                    self.model.records.remove(&key);
                }
            }
            Step::Resolve { value, .. } => {
                let resolved =
                    now(self.ledger.resolve(hold.key, hold.fence, Body::Value(value.to_string().into())));
                assert_eq!(resolved, current && state == Some(EntryState::InDoubt));
                if let Some(record) = self.model.records.get_mut(&key).filter(|_| resolved) {
                    record.state = Known::Done(value);
                    // It is nobody's any more.
                    record.hold.owner = u128::MAX;
                    record.end = self.model.clock + TTL;
                }
            }
            _ => unreachable!("not a write"),
        }
    }

    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Claim { key, owner } => self.claim(key, owner),
            Step::Pass { millis } => {
                tokio::time::advance(Duration::from_millis(millis)).await;
                self.model.clock += millis;
            }
            Step::Renew { hold }
            | Step::Complete { hold, .. }
            | Step::Release { hold }
            | Step::Abandon { hold, .. }
            | Step::Forget { hold }
            | Step::Resolve { hold, .. } => self.write(hold, step),
        }
        self.model.expire();
        assert!(self.ledger.shards.iter().all(|shard| shard.is_sound()));
        for (key, op) in self.ops.iter().enumerate() {
            let entry = now(self.ledger.inspect(op.key));
            let seen = entry.map(|entry| (entry.state, entry.fence, entry.attempt));
            let record = self.model.records.get(&key);
            let expected = record.zip(self.model.state(key));
            assert_eq!(seen, expected.map(|(record, state)| (state, record.hold.fence, record.attempt)));
        }
    }
}

proptest! {
    #[test]
    fn it_does_as_the_model(
        steps in prop::collection::vec(step(), 1..60),
        // In one shard, and in many.
        capacity in prop_oneof![Just(100), Just(USUAL_CAPACITY)],
    ) {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        tokio.expect("a runtime").block_on(async {
            let (ledger, model) = (MemoryLedger::new(capacity, USUAL_BYTES), Model::default());
            let mut pair = Pair { ledger, model, ops: ops(), holds: Vec::new() };
            for step in &steps {
                pair.take(step).await;
            }
        });
    }
}
