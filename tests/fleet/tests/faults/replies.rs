//! The server did it, and the reply is lost; or the server does not answer at all.

use std::thread::sleep;
use std::time::{Duration, Instant};

use resilience_servers::Kind;

use crate::fleet::{Fleet, Worker};

crate::on_both!(the_reply_to_a_claim_is_lost the_reply_to_a_result_is_lost nobody_answers);
crate::on_both!(an_hour_off, Faketime);

fn the_reply_to_a_claim_is_lost(fleet: &Fleet) {
    loses(fleet, 1);
}

fn the_reply_to_a_result_is_lost(fleet: &Fleet) {
    loses(fleet, 2);
}

fn loses(fleet: &Fleet, reply: u64) {
    for guarantee in ["dedup", "at_most_once"] {
        let worker = fleet.proxied(&format!("one {reply} {guarantee}")).ready();
        fleet.proxy.swallow_reply(reply);
        let start = Instant::now();
        let called = worker.called().expect("it lives");
        let effect = called.strip_prefix("ran ").unwrap_or_else(|| panic!("{guarantee}: {called}"));
        assert!(start.elapsed() < Duration::from_secs(3), "it does not wait for its own lease");
        let again = fleet.direct(&format!("one {reply} {guarantee}")).ready().called();
        assert_eq!(again, Some(format!("replayed {effect}")), "{guarantee}");
    }
    assert_eq!(fleet.history().effects(reply).len(), 2, "one under each guarantee");
}

/// The call fails closed in bounded time, and leaves nothing behind that is in the way for long.
fn nobody_answers(fleet: &Fleet) {
    let worker = fleet.proxied("one 1 dedup").ready();
    fleet.proxy.stall(true);
    let start = Instant::now();
    assert_eq!(worker.called().as_deref(), Some("error Store"));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    assert_eq!(fleet.history().effects(1).len(), 0);
    fleet.proxy.cut();
    fleet.proxy.stall(false);
    let next = fleet.proxied("one 1 dedup").ready().called().expect("it lives");
    assert!(next.starts_with("ran "), "{next}");
}

/// The clock of a process says nothing: only the server's does.
fn an_hour_off(fleet: &Fleet) {
    let library = Kind::Faketime.program().expect("it was asked for");
    for (key, offset) in [(1, "+1h"), (2, "-1h")] {
        let mut command = fleet.command(fleet.store.port(), &format!("one {key} dedup waits-after"));
        command.env("LD_PRELOAD", &library).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let mut off = Worker::start(command).ready();
        let twin = fleet.direct(&format!("one {key} dedup")).ready();
        off.call();
        while fleet.history().effects(key).is_empty() {
            sleep(Duration::from_millis(2));
        }
        let twin = twin.called().expect("it lives");
        let off = off.outcome().expect("it lives");
        assert_eq!(twin.strip_prefix("replayed "), off.strip_prefix("ran "), "{off}, {twin}");
        assert_eq!(fleet.history().effects(key).len(), 1);
    }
}
