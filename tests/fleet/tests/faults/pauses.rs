//! A process that stands still for longer than its lease, and then goes on.

use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::fleet::{Fleet, Worker};

crate::on_both!(paused_before_its_body paused_before_its_effect paused_after_its_effect);

const LONGER_THAN_THE_LEASE: Duration = Duration::from_millis(1_500);

/// Its claim was granted, and is another's by the time that it looks: it does not begin.
fn paused_before_its_body(fleet: &Fleet) {
    let mut late = fleet.proxied("one 1 dedup").ready();
    let handle = late.handle();
    fleet.proxy.on_reply(1, move || handle.signal(Signal::STOP));
    late.call();
    let next = overtaken(fleet, late);
    let history = fleet.history();
    let [(_, effect)] = history.effects(1) else { panic!("{history:?}") };
    assert_eq!(next, format!("ran {effect}"));
    keeps(fleet, *effect);
}

/// It believes that it may run, and somebody else has: a sink that checks the token refuses it.
fn paused_before_its_effect(fleet: &Fleet) {
    let mut late = fleet.proxied("one 1 dedup waits-before").ready();
    let (tell, granted) = std::sync::mpsc::channel();
    fleet.proxy.on_reply(1, move || tell.send(()).expect("somebody waits"));
    late.call();
    granted.recv().expect("the server answers");
    sleep(Duration::from_millis(100));
    late.handle().signal(Signal::STOP);
    let next = overtaken(fleet, late);
    let history = fleet.history();
    let [(first, effect), (second, _)] = history.effects(1) else { panic!("{history:?}") };
    assert!(second < first, "the late one has the lower token: {history:?}");
    assert_eq!(next, format!("ran {effect}"));
    keeps(fleet, *effect);
}

fn paused_after_its_effect(fleet: &Fleet) {
    let mut late = fleet.proxied("one 1 dedup waits-after").ready();
    late.call();
    while fleet.history().effects(1).is_empty() {
        sleep(Duration::from_millis(2));
    }
    late.handle().signal(Signal::STOP);
    let next = overtaken(fleet, late);
    let history = fleet.history();
    let [(first, _), (second, effect)] = history.effects(1) else { panic!("{history:?}") };
    assert!(first < second, "{history:?}");
    assert_eq!(next, format!("ran {effect}"));
    keeps(fleet, *effect);
}

/// Stands still for longer than its lease, and goes on when another one has run. What that one says.
fn overtaken(fleet: &Fleet, late: Worker) -> String {
    sleep(LONGER_THAN_THE_LEASE);
    let next = fleet.direct("one 1 dedup").ready().called().expect("it lives");
    late.handle().signal(Signal::CONT);
    assert_eq!(late.outcome().as_deref(), Some("error LeaseLost"));
    next
}

/// The late one has overwritten nothing.
fn keeps(fleet: &Fleet, effect: u64) {
    let last = fleet.direct("one 1 dedup").ready().called();
    assert_eq!(last, Some(format!("replayed {effect}")));
}
