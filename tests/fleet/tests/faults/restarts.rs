//! The server itself goes, in the middle of a call.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::fleet::{Fleet, Store};

crate::on_both!(the_server_is_killed_in_the_middle the_server_stands_still every_connection_is_cut);

/// The value is returned, and the ledger hears of it when it is back.
fn the_server_is_killed_in_the_middle(fleet: &Fleet) {
    let kept = disturbed(fleet, |fleet| {
        fleet.store.kill9();
        fleet.store.start_again();
    });
    // What was promised before is still there.
    fleet.store.kill9();
    fleet.store.start_again();
    assert_eq!(fleet.direct("one 1 patient").ready().called(), Some(kept));
}

fn the_server_stands_still(fleet: &Fleet) {
    disturbed(fleet, |fleet| {
        fleet.store.pause();
        sleep(Duration::from_millis(600));
        fleet.store.go_on();
    });
}

fn every_connection_is_cut(fleet: &Fleet) {
    disturbed(fleet, |fleet| match &fleet.store {
        Store::Postgres(server) => {
            let others =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()";
            server.psql(others);
        }
        Store::Redis(_) => fleet.proxy.cut(),
    });
}

/// Something happens while a body runs, after its effect. What whoever asks then is told.
fn disturbed(fleet: &Fleet, disturb: impl FnOnce(&Fleet)) -> String {
    let mut worker = fleet.proxied("one 1 patient waits-after").ready();
    worker.call();
    while fleet.history().effects(1).is_empty() {
        sleep(Duration::from_millis(2));
    }
    disturb(fleet);
    let start = Instant::now();
    let ran = worker.said().expect("it lives");
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    let effect = ran.strip_prefix("ran ").unwrap_or_else(|| panic!("{ran}"));
    let kept = format!("replayed {effect}");
    // It waits for a result that is still on its way.
    assert_eq!(fleet.direct("one 1 patient").ready().called().as_deref(), Some(kept.as_str()));
    assert_eq!(fleet.history().effects(1).len(), 1);
    kept
}
