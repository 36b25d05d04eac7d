//! The leader example: of two that believe they lead, the store takes the writes of one.
#![allow(missing_docs)]

#[path = "support/example.rs"]
mod example;

use std::process::Command;

#[test]
fn the_store_refuses_the_one_that_stood_still() {
    let output = Command::new(example::build("leader")).output().expect("it starts");
    let story = String::from_utf8(output.stdout).expect("it is text");
    assert!(output.status.success(), "{story}\n{}", String::from_utf8_lossy(&output.stderr));
    let told: Vec<_> =
        story.lines().filter_map(|line| line.split_once(" ms  ")).map(|(_, what)| what).collect();
    let place = |line: &str| {
        told.iter().position(|told| told.starts_with(line)).unwrap_or_else(|| panic!("{line}: {story}"))
    };
    let in_order = [
        "north  leads, with token 70",
        "north  settles account 1",
        "north  stands still",
        "south  leads, with token 134",
        "south  settles account 2",
        "south  settles account 3",
    ];
    assert!(in_order.iter().map(|line| place(line)).is_sorted(), "{story}");
    let late = [
        "south  leads, with token 134",
        "north  goes on, and believes that it leads",
        "north  wants to settle account 2: the store refuses token 70, it has seen 134",
        "north  stops: leader::replica::lead: the right to run was lost: another call took it over, or it could not be renewed in time (it may have run)",
    ];
    assert!(late.iter().map(|line| place(line)).is_sorted(), "{story}");
    assert!(story.contains("4 accounts settled, each once"), "{story}");
}
