//! What is left behind by a test: nothing, however it ends.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use resilience_servers::{Persistence, Postgres, Redis, Server, need};

/// Where a server was, and how to see that it is gone.
struct Trace {
    folder: PathBuf,
    port: u16,
}

impl Trace {
    fn of(server: &Server) -> Self {
        Self { folder: server.folder().to_owned(), port: server.port() }
    }

    /// As one line of text.
    fn said(&self) -> String {
        format!("left {} {}", self.port, self.folder.display())
    }

    fn heard(line: &str) -> Option<Self> {
        let (port, folder) = line.strip_prefix("left ")?.split_once(' ')?;
        Some(Self { folder: folder.into(), port: port.parse().ok()? })
    }

    fn is_there(&self) {
        assert!(self.folder.exists() && self.has_process() && self.is_served());
    }

    fn is_gone(&self) {
        assert!(!self.folder.exists(), "{} is still there", self.folder.display());
        assert!(!self.is_served(), "port {} is still served", self.port);
        assert!(!self.has_process(), "a process still works in {}", self.folder.display());
    }

    fn is_served(&self) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok()
    }

    /// Both servers work inside their folder, and so do those that they fork.
    fn has_process(&self) -> bool {
        let processes = std::fs::read_dir("/proc").expect("Linux");
        let inside = |path: PathBuf| path.starts_with(&self.folder);
        processes.flatten().any(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(inside))
    }
}

/// PostgreSQL's mark of a running server, which outlives one that was killed.
struct Mark(String);

impl Mark {
    fn of(server: &Postgres) -> Self {
        let file = std::fs::read_to_string(server.folder().join("data/postmaster.pid")).expect("it runs");
        Self(file.lines().nth(6).and_then(|line| line.split_whitespace().nth(1)).expect("a mark").to_owned())
    }

    fn is_there(&self) -> bool {
        let marks = std::fs::read_to_string("/proc/sysvipc/shm").expect("Linux");
        marks.lines().any(|mark| mark.split_whitespace().nth(1) == Some(&self.0))
    }
}

#[test]
fn of_a_dropped_server() {
    need!(Postgres, Redis);
    let (postgres, redis) = (Postgres::start(), Redis::start(Persistence::AofEverySecond));
    let traces = [Trace::of(&postgres), Trace::of(&redis)];
    traces.iter().for_each(Trace::is_there);
    drop((postgres, redis));
    traces.iter().for_each(Trace::is_gone);
    let (paused, down) = (Postgres::start(), Postgres::start());
    paused.pause();
    down.kill9();
    let traces = [Trace::of(&paused), Trace::of(&down)];
    let marks = [Mark::of(&paused), Mark::of(&down)];
    assert!(marks.iter().all(Mark::is_there));
    drop((paused, down));
    traces.iter().for_each(Trace::is_gone);
    assert!(!marks.iter().any(Mark::is_there));
}

#[test]
fn of_a_test_that_panics() {
    need!(Redis);
    let (tell, told) = std::sync::mpsc::channel();
    let test = std::thread::spawn(move || {
        let server = Redis::start(Persistence::None);
        tell.send(Trace::of(&server)).expect("it is heard");
        panic!("as it has to");
    });
    let trace = told.recv().expect("it starts");
    assert!(test.join().is_err());
    trace.is_gone();
}

#[test]
fn of_a_process_that_is_killed() {
    need!(Postgres, Redis);
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command.args(["--exact", "alone", "--ignored", "--nocapture"]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let said = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines = said.lines().map_while(Result::ok);
    let traces: Vec<_> = lines.filter_map(|line| Trace::heard(&line)).take(2).collect();
    assert_eq!(traces.len(), 2);
    traces.iter().for_each(Trace::is_there);
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
    let start = Instant::now();
    while traces.iter().any(|trace| Path::exists(&trace.folder)) && start.elapsed() < Duration::from_secs(20)
    {
        sleep(Duration::from_millis(10));
    }
    traces.iter().for_each(Trace::is_gone);
}

/// The one that is killed.
#[test]
#[ignore = "a process of another test"]
fn alone() {
    let (postgres, redis) = (Postgres::start(), Redis::start(Persistence::AofEverySecond));
    // The first line break ends what the harness has begun.
    println!("\n{}\n{}", Trace::of(&postgres).said(), Trace::of(&redis).said());
    sleep(Duration::from_mins(1));
}
