//! What `#[idempotent]` costs, first and again, beside those who do part of the same: ratios of one run.
//!
//! `cargo xtask bench`: the peers are in a package of their own, `benches/peers`.
#![allow(missing_docs, reason = "a benchmark target")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::time::Duration;

use idempotent::memory::MemoryStore;
use peers::{Receipt, Share, Table, Turn, rate};
use resilience::{Error, Runtime, idempotent};
use tokio::sync::oneshot;

const ROUNDS: usize = 9;
const TTL: Duration = Duration::from_hours(24);

/// Results of two sizes, as JSON: the receipt of an order, and a page of text. An even order has a small one.
fn body(order: u64) -> Receipt {
    Receipt { order, note: "x".repeat(if order.is_multiple_of(2) { 12 } else { 170 }) }
}

#[derive(Clone, Copy)]
enum Size {
    Small,
    Large,
}

impl Size {
    const fn name(self) -> &'static str {
        match self {
            Self::Small => "40 bytes",
            Self::Large => "200 bytes",
        }
    }

    /// The order of the next first call, never used before.
    fn fresh(self) -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(KNOWN);
        NEXT.fetch_add(1, Relaxed) * 2 + self as u64
    }

    /// One of the orders that were charged before the clock starts.
    fn known(self) -> u64 {
        fastrand::u64(0..KNOWN) * 2 + self as u64
    }
}

const KNOWN: u64 = 1_000;

#[idempotent(key = order)]
async fn charge(order: u64) -> Result<Receipt, Error> {
    Ok(body(order))
}

/// The same, for this value alone.
#[idempotent(key = order, fingerprint = order)]
async fn charge_as(order: u64) -> Result<Receipt, Error> {
    Ok(body(order))
}

/// Several in one result.
#[idempotent(key = page)]
async fn list(page: u64, receipts: &[Receipt]) -> Result<Vec<Receipt>, Error> {
    Ok(receipts.to_vec())
}

async fn ours_as(order: u64) {
    black_box(charge_as(order).await.expect("charged"));
}

async fn ours(order: u64) {
    black_box(charge(order).await.expect("charged"));
}

async fn crate_idempotent(store: &MemoryStore, order: u64) {
    black_box(peers::crate_idempotent(store, order, || body(order)).await);
}

async fn moka(cache: &moka::future::Cache<String, Receipt>, order: u64) {
    let charged =
        cache.try_get_with(format!("order-{order}"), async { Ok::<_, std::io::Error>(body(order)) });
    black_box(charged.await.expect("charged"));
}

/// The floor of every ledger on disk: bytes at the end of a file, one sync shared by all who wait for it.
#[derive(Clone)]
struct RawAppend(mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>);

impl RawAppend {
    fn new(mut file: File) -> Self {
        let (sender, asked) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>();
        std::thread::spawn(move || {
            let (mut bytes, mut waiting) = (Vec::new(), Vec::new());
            while let Ok(first) = asked.recv() {
                for (row, sender) in std::iter::once(first).chain(asked.try_iter()) {
                    bytes.extend_from_slice(&row);
                    waiting.push(sender);
                }
                file.write_all(&bytes).and_then(|()| file.sync_data()).expect("written");
                bytes.clear();
                for sender in waiting.drain(..) {
                    let _ = sender.send(()); // a task that has left
                }
            }
        });
        Self(sender)
    }

    async fn append(&self, order: u64) {
        let (sender, told) = oneshot::channel();
        let mut row = order.to_le_bytes().to_vec();
        row.resize(300, b'x'); // what a record of ours takes
        self.0.send((row, sender)).expect("the writer runs");
        told.await.expect("synced");
    }
}

async fn in_memory(tasks: u64, size: Size, again: bool) {
    let store = Arc::new(MemoryStore::builder().try_build().expect("a store"));
    let cache = moka::future::Cache::builder().time_to_live(TTL).build();
    for order in 0..KNOWN * 2 {
        ours(order).await;
        crate_idempotent(&store, order).await;
        moka(&cache, order).await;
    }
    let order = move || if again { size.known() } else { size.fresh() };
    let (when, size) = (if again { "replay" } else { "first call" }, size.name());
    let title =
        format!("\nmemory, {when}, {size}, {tasks} task(s): time per call as a share of crate idempotent's");
    let mut table =
        Table::new(title, &["crate idempotent 2 (memory)", "resilience (memory)", "moka try_get_with"]);
    for _ in 0..ROUNDS {
        let peer = |mut turn: Turn| {
            let store = Arc::clone(&store);
            async move {
                while turn.goes_on() {
                    crate_idempotent(&store, order()).await;
                }
                turn
            }
        };
        table.rates[0].push(rate(tasks, peer).await);
        let own = |mut turn: Turn| async move {
            while turn.goes_on() {
                ours(order()).await;
            }
            turn
        };
        table.rates[1].push(rate(tasks, own).await);
        let cached = |mut turn: Turn| {
            let cache = cache.clone();
            async move {
                while turn.goes_on() {
                    moka(&cache, order()).await;
                }
                turn
            }
        };
        table.rates[2].push(rate(tasks, cached).await);
    }
    table.print(Share::OfTime);
}

/// What it costs that a result is read back once when it is kept, by its length: beside its JSON alone, written, and
/// written and read.
async fn kept(receipts: u64, size: &str) {
    let receipts: Arc<[Receipt]> = (0..receipts).map(|order| body(order * 2)).collect();
    let length = serde_json::to_vec(&receipts.to_vec()).expect("JSON").len();
    let runtime = Runtime::builder().memory().build();
    let title = format!(
        "\nmemory, first call, {size} ({length}): time per call as a share of its JSON, written and read"
    );
    let mut table =
        Table::new(title, &["serde_json, written and read", "serde_json, written", "resilience (memory)"]);
    for _ in 0..ROUNDS {
        for (place, reads) in [(0, true), (1, false)] {
            let json = |mut turn: Turn| {
                let receipts = Arc::clone(&receipts);
                async move {
                    while turn.goes_on() {
                        let json = serde_json::to_string(&black_box(receipts.to_vec())).expect("JSON");
                        if reads {
                            black_box(serde_json::from_str::<Vec<Receipt>>(&json).expect("it reads"));
                        }
                        black_box(json);
                    }
                    turn
                }
            };
            table.rates[place].push(rate(1, json).await);
        }
        let own = |mut turn: Turn| {
            let (runtime, receipts) = (runtime.clone(), Arc::clone(&receipts));
            async move {
                while turn.goes_on() {
                    let page = runtime.scope(list(Size::Small.fresh(), &receipts)).await;
                    black_box(page.expect("listed"));
                }
                turn
            }
        };
        table.rates[2].push(rate(1, own).await);
    }
    table.print(Share::OfTime);
}

async fn on_disk(tasks: u64) {
    let folder = tempfile::tempdir_in(".").expect("a folder"); // not /tmp, which may be in memory
    let raw = RawAppend::new(File::create(folder.path().join("raw")).expect("a file"));
    let url = format!("file:{}", folder.path().join("ledger").display());
    let durable = Runtime::open(&url).await.expect("a ledger");
    for order in 0..KNOWN * 2 {
        durable.scope(ours(order)).await;
    }
    let title = format!("\non disk, 200 bytes, {tasks} task(s): rate as a share of the raw append's");
    let names = [
        "raw append, same group commit",
        "resilience (durable), first call",
        "the same with a fingerprint",
        "resilience (durable), replay",
    ];
    let mut table = Table::new(title, &names);
    for _ in 0..ROUNDS {
        let append = |mut turn: Turn| {
            let raw = raw.clone();
            async move {
                while turn.goes_on() {
                    raw.append(Size::Large.fresh()).await;
                }
                turn
            }
        };
        table.rates[0].push(rate(tasks, append).await);
        let candidates = [(Size::fresh as fn(Size) -> u64, false), (Size::fresh, true), (Size::known, false)];
        for (place, (order, has_fingerprint)) in (1..).zip(candidates) {
            let call = |mut turn: Turn| {
                let durable = durable.clone();
                async move {
                    while turn.goes_on() {
                        let order = order(Size::Large);
                        if has_fingerprint {
                            durable.scope(ours_as(order)).await;
                        } else {
                            durable.scope(ours(order)).await;
                        }
                    }
                    turn
                }
            };
            table.rates[place].push(rate(tasks, call).await);
        }
    }
    table.print(Share::OfRate);
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    // As it comes: 100 000 results, where the peers keep all.
    Runtime::builder().memory().build().install().expect("the first");
    // Replays before first calls: our ledger is that of the process, and holds what the peers' new ones hold.
    for again in [true, false] {
        for size in [Size::Small, Size::Large] {
            for tasks in [1, 64] {
                in_memory(tasks, size, again).await;
            }
        }
    }
    kept(1, "40 bytes").await;
    kept(1_785, "64 KiB").await;
    for tasks in [1, 8, 64] {
        on_disk(tasks).await;
    }
}
