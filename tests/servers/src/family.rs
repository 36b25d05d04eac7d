//! A server and those it has forked, as one. They are of one generation: neither server has grandchildren.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Stops a process where it is: when this returns, none of its threads does anything.
fn freeze(process: Pid) {
    let _ = kill_process(process, Signal::STOP); // has ended
    until(|| states(process).all(|state| "TtZX".contains(state)));
}

/// Stops a server, and then those it has forked: a stopped one forks no more.
pub(crate) fn pause(server: Pid) {
    freeze(server);
    children(server).into_iter().for_each(freeze);
}

/// They all go on.
pub(crate) fn go_on(server: Pid) {
    for process in children(server).into_iter().chain([server]) {
        let _ = kill_process(process, Signal::CONT);
    }
}

/// Kills all of them at one moment.
pub(crate) fn kill(server: Pid) {
    freeze(server);
    let children = children(server);
    for process in children.iter().copied().chain([server]) {
        let _ = kill_process(process, Signal::KILL);
    }
    until(|| children.iter().all(|child| states(*child).all(|state| "ZX".contains(state))));
}

fn children(server: Pid) -> Vec<Pid> {
    let ids = threads(server).filter_map(|thread| fs::read_to_string(thread.join("children")).ok());
    let ids: String = ids.collect();
    ids.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
}

fn threads(process: Pid) -> impl Iterator<Item = std::path::PathBuf> {
    let folder = fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()));
    folder.into_iter().flatten().flatten().map(|thread| thread.path())
}

/// What each thread does, as a letter. None for a process that is gone.
fn states(process: Pid) -> impl Iterator<Item = char> {
    threads(process).filter_map(|thread| {
        let stat = fs::read_to_string(thread.join("stat")).ok()?;
        // Its name is in parentheses, and may have some itself.
        stat.rsplit_once(") ")?.1.chars().next()
    })
}

fn until(mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < Duration::from_secs(30), "a signal had no effect for 30 seconds");
        sleep(Duration::from_micros(200));
    }
}
