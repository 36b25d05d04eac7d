//! The operations, and what they leave behind outside of the ledger.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use resilience::{Error, Runtime, context, idempotent};
use tokio::sync::Notify;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Op {
    pub(crate) once: bool,
    pub(crate) key: u32,
}

impl Op {
    /// Every fourth is at most once.
    pub(crate) fn of(key: u32) -> Self {
        Self { once: key.is_multiple_of(4), key }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.once { "ship" } else { "charge" }, self.key)
    }
}

/// Where the effects go, and the results that came back.
pub(crate) struct Log {
    effects: File,
    returned: File,
    /// Which process it is.
    life: u32,
    /// About as many bytes has a result.
    size: usize,
    ran: Mutex<Vec<(Op, u64)>>,
    /// What runs now never ends.
    hangs: AtomicBool,
    hanging: Notify,
}

impl Log {
    pub(crate) fn open(place: &Path, life: u32, size: usize) -> Self {
        let open = |name| {
            let path = place.join(name);
            OpenOptions::new().create(true).append(true).open(path).expect("the log opens")
        };
        let (effects, returned) = (open("effects"), open("returned"));
        Self {
            effects,
            returned,
            life,
            size,
            ran: Mutex::default(),
            hangs: AtomicBool::default(),
            hanging: Notify::new(),
        }
    }

    /// What has run since the last look, and with which fence.
    pub(crate) fn take_ran(&self) -> Vec<(Op, u64)> {
        std::mem::take(&mut self.ran.lock().expect("no panic under the lock"))
    }

    pub(crate) fn value(&self, op: Op, fence: u64) -> String {
        let size = self.size * (op.key as usize % 3 + 1) / 3;
        format!("{op} by {fence} {}", "=".repeat(size))
    }

    async fn effect(&self, op: Op) -> String {
        let fence = context::fencing_token().expect("a claim");
        self.line(&self.effects, op, fence);
        self.ran.lock().expect("no panic under the lock").push((op, fence));
        if self.hangs.load(Ordering::SeqCst) {
            self.hanging.notify_one();
            return std::future::pending().await;
        }
        // Time to be killed in.
        tokio::time::sleep(Duration::from_millis(u64::from(op.key % 3))).await;
        self.value(op, fence)
    }

    /// The operation has returned the value of the run with this fence.
    pub(crate) fn returned(&self, op: Op, fence: u64) {
        self.line(&self.returned, op, fence);
    }

    /// In one write. A kill may cut it all the same: a line without its end does not count.
    fn line(&self, mut file: &File, op: Op, fence: u64) {
        let line = format!("\n{op} {fence} {};", self.life);
        file.write_all(line.as_bytes()).expect("the log takes it");
    }
}

#[idempotent(key = key)]
async fn charge(log: &Log, key: u32) -> Result<String, Error> {
    Ok(log.effect(Op { once: false, key }).await)
}

#[idempotent(key = key, guarantee = at_most_once)]
async fn ship(log: &Log, key: u32) -> Result<String, Error> {
    Ok(log.effect(Op { once: true, key }).await)
}

pub(crate) async fn run(op: Op, log: &Log) -> Result<String, Error> {
    if op.once { ship(log, op.key).await } else { charge(log, op.key).await }
}

/// Starts an operation that does not end. It runs for as long as the result lives.
pub(crate) async fn hang<'a>(runtime: &Runtime, op: Op, log: &'a Log) -> impl Future + use<'a> {
    log.hangs.store(true, Ordering::SeqCst);
    let mut call = Box::pin(runtime.scope(run(op, log)));
    tokio::select! {
        reply = &mut call => panic!("{op} gave {reply:?}"),
        () = log.hanging.notified() => {}
    }
    log.hangs.store(false, Ordering::SeqCst);
    assert!(matches!(log.take_ran()[..], [(ran, _)] if ran == op));
    call
}

/// The fence in a value, if it is one of an operation that ran.
pub(crate) fn fence(value: &str) -> Option<u64> {
    value.split(' ').nth(3)?.parse().ok()
}

/// One run, or one return of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) fence: u64,
    pub(crate) life: u32,
}

pub(crate) type Runs = BTreeMap<Op, Vec<Run>>;

/// What a log says.
pub(crate) struct History {
    pub(crate) effects: Runs,
    pub(crate) returned: Runs,
}

impl History {
    pub(crate) fn read(place: &Path) -> Self {
        Self { effects: runs(&place.join("effects")), returned: runs(&place.join("returned")) }
    }

    pub(crate) fn effects(&self, op: Op) -> &[Run] {
        self.effects.get(&op).map_or(&[], Vec::as_slice)
    }
}

fn runs(path: &Path) -> Runs {
    let mut runs = Runs::new();
    let text = fs::read_to_string(path).unwrap_or_default(); // not made yet
    for line in text.lines().filter_map(|line| line.strip_suffix(';')) {
        let parts: Vec<_> = line.split(' ').collect();
        let [name, key, fence, life] = parts[..] else { panic!("{line}") };
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let op = Op { once: name == "ship", key: u32::try_from(number(key)).expect("a key") };
        let life = u32::try_from(number(life)).expect("a life");
        runs.entry(op).or_default().push(Run { fence: number(fence), life });
    }
    runs
}
