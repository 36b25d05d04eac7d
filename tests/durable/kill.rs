//! A process is killed at any moment, and another one goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use resilience::{Entry, Kind, Runtime, spawn};
use tempfile::TempDir;

use crate::child::{self, Running, command, place, say};
use crate::work::{self, History, Log, Op};
use crate::{opened, try_open};

/// A claim that had to wait for a lease would wait for a minute.
const AT_ONCE: Duration = Duration::from_secs(5);
const RESOLVED: &str = "resolved";
/// How many operations a life has. It is killed before it is through with them.
const KEYS: u32 = 1_000;

#[tokio::test]
async fn killed_while_it_works() {
    lives(Plan { kills: 30, ..Plan::USUAL }).await;
}

#[tokio::test]
async fn killed_often_before_anybody_looks() {
    lives(Plan { kills: 30, looks: 0.1, ..Plan::USUAL }).await;
}

/// Large results make the store flush and rewrite its files under way.
#[tokio::test]
async fn killed_while_the_store_moves_its_files() {
    let plan = Plan { kills: 12, size: 200_000, longest: 400, opening: 0.3, ..Plan::USUAL };
    lives(Plan { opens_in: Duration::from_secs(2), ..plan }).await;
}

#[tokio::test]
async fn killed_while_it_opens() {
    lives(Plan { kills: 50, opening: 0.9, ..Plan::USUAL }).await;
}

struct Plan {
    kills: u32,
    /// Bytes of a result.
    size: usize,
    /// The part of the kills after which the test opens the ledger itself.
    looks: f64,
    /// The part of the kills that do not wait until the ledger is open.
    opening: f64,
    /// The longest life, in milliseconds.
    longest: u64,
    /// How long it usually may take to open. A store that was flushing has up to 128 MB to read again.
    opens_in: Duration,
}

impl Plan {
    const USUAL: Self = Self {
        kills: 0,
        size: 300,
        looks: 0.5,
        opening: 0.1,
        longest: 100,
        opens_in: Duration::from_millis(800),
    };
}

async fn lives(plan: Plan) {
    let chosen = std::env::var("SEED");
    let seed = chosen.map_or_else(|_| fastrand::u64(..), |seed| seed.parse().expect("a seed"));
    println!("SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut ledger = Ledger::new(plan.size, KEYS);
    for life in 1..=plan.kills {
        let mut child = ledger.child(life);
        if rng.f64() < plan.opening {
            sleep(Duration::from_millis(rng.u64(..60)));
        } else {
            child.heard("open");
            sleep(Duration::from_millis(rng.u64(5..=plan.longest)));
        }
        child.kill();
        if rng.f64() < plan.looks || life == plan.kills {
            ledger.look().await;
        }
    }
    let mut counts = ledger.seen;
    counts.openings.sort_unstable();
    println!("{counts:?}");
    assert!(counts.is_enough(), "nothing was interrupted: {counts:?}");
    // One of them may have met a busy machine.
    assert!(counts.openings[counts.openings.len() / 2] < plan.opens_in, "{counts:?}");
}

/// A ledger, and what this test knows of it.
pub(crate) struct Ledger {
    pub(crate) place: TempDir,
    size: usize,
    keys: u32,
    /// Operations that this test has decided: how many runs there were before it forgot them.
    forgotten: BTreeMap<Op, usize>,
    resolved: BTreeSet<Op>,
    pub(crate) seen: Seen,
}

/// How often each case came up.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    replayed: u32,
    /// On disk, and nobody had been told.
    untold: u32,
    again: u32,
    unknown: u32,
    openings: Vec<Duration>,
}

impl Seen {
    pub(crate) fn is_enough(&self) -> bool {
        self.replayed > 0 && self.again > 0 && self.unknown > 0
    }
}

impl Ledger {
    pub(crate) fn new(size: usize, keys: u32) -> Self {
        Self {
            place: tempfile::tempdir().expect("a folder"),
            size,
            keys,
            forgotten: BTreeMap::new(),
            resolved: BTreeSet::new(),
            seen: Seen::default(),
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.place.path().join("ledger")
    }

    pub(crate) fn child(&self, life: u32) -> Running {
        let mut command = command("kill::alone_works", self.place.path());
        command.env("LIFE", life.to_string()).env("SIZE", self.size.to_string());
        Running::start(command.env("KEYS", self.keys.to_string()))
    }

    /// Opens the ledger and asks for everything that was begun.
    pub(crate) async fn look(&mut self) {
        let history = History::read(self.place.path());
        self.is_sound(&history);
        let start = Instant::now();
        let runtime = opened(try_open(&self.folder()).await);
        self.seen.openings.push(start.elapsed());
        let doubts = runtime.operator().in_doubt(usize::MAX).await.expect("the ledger answers");
        let doubts: BTreeMap<Op, Entry> = doubts.into_iter().map(|entry| (op(&entry), entry)).collect();
        let log = Log::open(self.place.path(), 0, self.size);
        let begun: BTreeSet<Op> = history.effects.keys().chain(doubts.keys()).copied().collect();
        for op in begun {
            let asked = self.ask(op, &runtime, &log, &history, doubts.get(&op));
            tokio::time::timeout(AT_ONCE, asked).await.unwrap_or_else(|_| panic!("{op} had to wait"));
        }
    }

    /// What must be so before anybody opens the ledger.
    fn is_sound(&self, history: &History) {
        for (op, runs) in &history.effects {
            let lives: BTreeSet<_> = runs.iter().filter(|run| run.life > 0).map(|run| run.life).collect();
            let by_children = runs.iter().filter(|run| run.life > 0).count();
            assert_eq!(lives.len(), by_children, "{op} ran twice without a kill: {runs:?}");
            assert!(runs.is_sorted_by(|one, two| one.fence < two.fence), "{op}: {runs:?}");
            let before = self.forgotten.get(op).copied().unwrap_or_default();
            assert!(!op.once || runs.len() <= before + 1, "{op} ran again: {runs:?}");
        }
        let all: Vec<_> = history.effects.values().flatten().map(|run| run.fence).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "a fence was given out twice");
        for (op, returns) in &history.returned {
            let last = history.effects(*op).last().unwrap_or_else(|| panic!("{op} came from nowhere"));
            let all_of = |fence| returns.iter().all(|run| run.fence == fence);
            assert!(all_of(last.fence), "{op} has other results: {returns:?} and runs: {last:?}");
        }
    }

    async fn ask(&mut self, op: Op, runtime: &Runtime, log: &Log, history: &History, doubt: Option<&Entry>) {
        let (runs, returned) = (history.effects(op), history.returned.contains_key(&op));
        let reply = runtime.scope(work::run(op, log)).await;
        match (reply, &log.take_ran()[..]) {
            (Ok(value), []) if self.resolved.contains(&op) => assert_eq!(value, RESOLVED),
            (Ok(value), []) => {
                let last = runs.last().unwrap_or_else(|| panic!("{op} never ran, and gives {value}"));
                assert_eq!(value, log.value(op, last.fence));
                assert!(doubt.is_none(), "{op} is in doubt and has a result");
                *(if returned { &mut self.seen.replayed } else { &mut self.seen.untold }) += 1;
            }
            (Ok(value), &[(ran, fence)]) => {
                assert!(ran == op && !op.once && !returned, "{op} ran again: {runs:?}");
                assert!(runs.iter().all(|run| run.fence < fence), "{fence} after {runs:?}");
                assert_eq!(value, log.value(op, fence));
                log.returned(op, fence);
                self.seen.again += 1;
            }
            (Err(error), []) if op.once && error.kind() == Kind::OutcomeUnknown => {
                assert!(!returned, "{op} had a result");
                let doubt = doubt.unwrap_or_else(|| panic!("{op} is not listed as in doubt"));
                self.decide(op, runtime, log, doubt, runs.len()).await;
                self.seen.unknown += 1;
            }
            (reply, ran) => panic!("{op}: {reply:?} with {ran:?} after {runs:?}"),
        }
    }

    /// An operator decides what was interrupted, this way or the other.
    async fn decide(&mut self, op: Op, runtime: &Runtime, log: &Log, doubt: &Entry, runs: usize) {
        let operator = runtime.operator();
        if op.key.is_multiple_of(8) {
            assert!(operator.resolve(doubt.key, doubt.fence, &RESOLVED).await.expect("the ledger answers"));
            let reply = runtime.scope(work::run(op, log)).await;
            assert_eq!(reply.as_deref(), Ok(RESOLVED));
            assert_eq!(log.take_ran(), []);
            self.resolved.insert(op);
        } else {
            assert!(operator.forget(doubt.key, doubt.fence).await.expect("the ledger answers"));
            let reply = runtime.scope(work::run(op, log)).await;
            let [(ran, fence)] = log.take_ran()[..] else { panic!("{op} did not run: {reply:?}") };
            assert!(ran == op && fence > doubt.fence);
            assert_eq!(reply, Ok(log.value(op, fence)));
            log.returned(op, fence);
            self.forgotten.insert(op, runs);
        }
    }
}

/// The operation of a record.
fn op(entry: &Entry) -> Op {
    let once = match entry.site.as_str() {
        "durable::work::ship" => true,
        "durable::work::charge" => false,
        other => panic!("{other}"),
    };
    Op { once, key: entry.text.parse().expect("a number") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "alone in its process"]
async fn alone_works() {
    let number = |name| std::env::var(name).expect(name).parse::<usize>().expect("a number");
    let life = u32::try_from(number("LIFE")).expect("a life");
    let (size, keys) = (number("SIZE"), u32::try_from(number("KEYS")).expect("few"));
    let log = Arc::new(Log::open(&place(), life, size));
    let runtime = opened(try_open(&child::place().join("ledger")).await);
    say("open");
    let tasks = runtime.scope(async {
        let task = |_| {
            let log = Arc::clone(&log);
            spawn(async move { work_on(&log, life, keys).await })
        };
        for task in (0..16).map(task).collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
    });
    // Somebody kills it before. Its time passes also while it is frozen.
    tokio::time::timeout(Duration::from_mins(2), tasks).await.expect_err("it works for ever");
}

/// Each life has some keys of its own, and meets those of the lives before.
async fn work_on(log: &Log, life: u32, keys: u32) {
    loop {
        let op = Op::of(fastrand::u32(life * 100..life * 100 + keys));
        match work::run(op, log).await {
            Ok(value) if value == RESOLVED => {}
            Ok(value) => {
                let fence = work::fence(&value).expect("a value");
                assert_eq!(value, log.value(op, fence));
                log.returned(op, fence);
            }
            Err(error) if op.once && error.kind() == Kind::OutcomeUnknown => {}
            Err(error) => panic!("{op}: {error:?}"),
        }
        tokio::task::yield_now().await;
    }
}
