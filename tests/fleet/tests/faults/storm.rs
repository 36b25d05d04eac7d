//! Three processes at many keys, while everything goes wrong at random. `FLEET_SECONDS` and `SEED` choose another storm
//! than the short one.

use std::thread::sleep;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::Signal;

use crate::fleet::{Fleet, Handle, Store, Worker};

crate::on_both!(everything_at_random);

const WORKERS: usize = 3;
const TASKS: u32 = 64;
const KEYS: u64 = 1_000;

fn everything_at_random(fleet: &Fleet) {
    let chosen = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().expect("a number"));
    let seconds = chosen("FLEET_SECONDS").unwrap_or(8);
    let seed = chosen("SEED").unwrap_or_else(|| fastrand::u64(..));
    println!("SEED={seed} FLEET_SECONDS={seconds}");
    let mut rng = Rng::with_seed(seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let left = || end.saturating_duration_since(Instant::now()).as_secs() + 1;
    let mut workers: Vec<Worker> = (0..WORKERS).map(|_| hammer(fleet, rng.u64(..), left())).collect();
    let mut faults = 0;
    while Instant::now() < end {
        sleep(Duration::from_millis(rng.u64(100..600)));
        faults += 1;
        let worker = &mut workers[rng.usize(..WORKERS)];
        match rng.u32(..6) {
            0 => {
                worker.handle().kill9();
                *worker = hammer(fleet, rng.u64(..), left());
            }
            1 => pause(worker.handle(), Duration::from_millis(rng.u64(500..2_500))),
            2 => fleet.proxy.cut(),
            3 => {
                fleet.proxy.stall(true);
                sleep(Duration::from_millis(rng.u64(50..2_500)));
                fleet.proxy.stall(false);
            }
            4 => {
                fleet.store.kill9();
                sleep(Duration::from_millis(rng.u64(..500)));
                fleet.store.start_again();
            }
            _ => disturb(fleet, &mut rng),
        }
    }
    for worker in workers {
        worker.handle().signal(Signal::CONT);
        worker.words();
    }
    check(fleet, faults);
}

/// A worker that calls until the end.
fn hammer(fleet: &Fleet, seed: u64, seconds: u64) -> Worker {
    fleet.proxied(&format!("storm {seed} {seconds} {TASKS} {KEYS}"))
}

fn pause(worker: Handle, time: Duration) {
    worker.signal(Signal::STOP);
    std::thread::spawn(move || {
        sleep(time);
        worker.signal(Signal::CONT);
    });
}

fn disturb(fleet: &Fleet, rng: &mut Rng) {
    match &fleet.store {
        // It may be in the middle of a recovery.
        Store::Postgres(server) => drop(server.try_psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'resilience'",
        )),
        Store::Redis(server) => {
            let _ = server.try_cli(&["SCRIPT", "FLUSH"]);
            let _ = server.try_cli(&["CLIENT", "PAUSE", &rng.u64(..1_000).to_string()]);
        }
    }
}

fn check(fleet: &Fleet, faults: u32) {
    // Before the last pass, which calls every key itself.
    let stormed = fleet.history();
    let keys = stormed.effects.len();
    assert!(keys >= 100 && !stormed.kept.is_empty(), "the storm has called: {keys} keys had effects");
    // Leases end, and so does what the last ones left behind.
    sleep(Duration::from_millis(1_500));
    let said = fleet.direct(&format!("last {KEYS}")).words();
    let history = fleet.history();
    let effects: usize = history.effects.values().map(Vec::len).sum();
    let again = history.effects.values().filter(|rows| rows.len() > 1).count();
    println!(
        "{faults} faults, {keys} keys in the storm, {effects} effects, {again} keys ran more than once; {said:?}"
    );
    assert_eq!(history.hangs, [] as [String; 0], "no caller hangs");
    assert!(
        said.len() == 1 && said[0].starts_with("done "),
        "every key has a result or is in doubt: {said:?}"
    );
    for (key, rows) in &history.effects {
        let mut fences: Vec<u64> = rows.iter().map(|(fence, _)| *fence).collect();
        fences.sort_unstable();
        fences.dedup();
        assert_eq!(fences.len(), rows.len(), "key {key}: two runs of one grant: {rows:?}");
        assert!(key.is_multiple_of(2) || rows.len() == 1, "key {key} ran twice under at_most_once: {rows:?}");
    }
    for (key, kept) in &history.kept {
        assert_eq!(kept.len(), 1, "key {key}: a completed result was lost, or overwritten: {kept:?}");
        let happened = history.effects(*key).iter().any(|(_, effect)| kept.contains(effect));
        assert!(happened, "key {key}: a result of nothing: {kept:?}");
    }
}
