//! A server, a network that can go wrong, and processes that share the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use resilience_servers::{Persistence, Postgres, Proxy, Redis, Server};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(40);

pub(crate) enum Store {
    Postgres(Postgres),
    Redis(Redis),
}

impl Deref for Store {
    type Target = Server;

    fn deref(&self) -> &Server {
        match self {
            Self::Postgres(server) => server,
            Self::Redis(server) => server,
        }
    }
}

pub(crate) struct Fleet {
    pub(crate) store: Store,
    pub(crate) proxy: Proxy,
    folder: TempDir,
}

impl Fleet {
    pub(crate) fn postgres() -> Self {
        Self::of(Store::Postgres(Postgres::start()))
    }

    pub(crate) fn redis() -> Self {
        // What these tests hold it to, no other mode promises: with `everysec` a server that is killed while its disk is slow
        // has answered what it has not written.
        Self::of(Store::Redis(Redis::start(Persistence::AofAlways)))
    }

    fn of(store: Store) -> Self {
        let proxy = Proxy::start(store.port());
        Self { store, proxy, folder: tempfile::tempdir().expect("a folder") }
    }

    pub(crate) fn url(&self, port: u16) -> String {
        match &self.store {
            Store::Postgres(server) => server.url_at(port),
            Store::Redis(server) => server.url_at(port),
        }
    }

    fn book(&self) -> PathBuf {
        self.folder.path().join("book")
    }

    /// A process whose words to the server go through the proxy.
    pub(crate) fn proxied(&self, work: &str) -> Worker {
        Worker::start(self.command(self.proxy.port(), work))
    }

    /// A process with a line of its own.
    pub(crate) fn direct(&self, work: &str) -> Worker {
        Worker::start(self.command(self.store.port(), work))
    }

    pub(crate) fn command(&self, port: u16, work: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_resilience-fleet"));
        command.args(work.split(' '));
        command.env("FLEET_BACKEND", self.url(port)).env("FLEET_BOOK", self.book());
        command
    }

    pub(crate) fn history(&self) -> History {
        History::of(&fs::read_to_string(self.book()).unwrap_or_default())
    }
}

/// A process of the fleet. Its handle can be shared with what watches the network.
pub(crate) struct Worker {
    child: Arc<Mutex<Child>>,
    said: BufReader<ChildStdout>,
    /// As long as it is open, the process stays.
    stdin: Option<ChildStdin>,
}

#[derive(Clone)]
pub(crate) struct Handle(Arc<Mutex<Child>>);

impl Worker {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        let stdin = child.stdin.take();
        Self { child: Arc::new(Mutex::new(child)), said, stdin }
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.child))
    }

    /// Waits until it is ready to call.
    pub(crate) fn ready(mut self) -> Self {
        assert_eq!(self.line().as_deref(), Some("ready"));
        self
    }

    /// Lets it call.
    pub(crate) fn call(&mut self) {
        self.stdin.as_mut().expect("it is open").write_all(b"go\n").expect("it listens");
    }

    /// How the call ended, in a process that then stays.
    pub(crate) fn said(&mut self) -> Option<String> {
        self.line()
    }

    /// How the call ended; nothing, where the process died.
    pub(crate) fn outcome(mut self) -> Option<String> {
        let said = self.line();
        self.stdin = None;
        let start = Instant::now();
        while self
            .handle()
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_wait()
            .expect("ours")
            .is_none()
        {
            assert!(start.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(2));
        }
        said
    }

    pub(crate) fn called(mut self) -> Option<String> {
        self.call();
        self.outcome()
    }

    /// All it says until it ends.
    pub(crate) fn words(mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.said.read_line(&mut line).expect("it is text");
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.handle().signal(Signal::KILL);
        let _ = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

impl Handle {
    pub(crate) fn signal(&self, signal: Signal) {
        let mut child = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Once it is waited for, its number may be another one's.
        if matches!(child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&child), signal);
        }
    }

    pub(crate) fn kill9(&self) {
        self.signal(Signal::KILL);
    }
}

/// What the book says.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Fences and effects of each key, in the order in which they happened.
    pub(crate) effects: BTreeMap<u64, Vec<(u64, u64)>>,
    pub(crate) kept: BTreeMap<u64, BTreeSet<u64>>,
    pub(crate) hangs: Vec<String>,
}

impl History {
    fn of(text: &str) -> Self {
        let mut history = Self::default();
        for row in text.lines() {
            let fields: Vec<&str> = row.split(',').collect();
            let number = |index: usize| fields[index].parse().unwrap_or_else(|_| panic!("{row}"));
            match fields[0] {
                "effect" => history.effects.entry(number(1)).or_default().push((number(2), number(3))),
                "kept" => drop(history.kept.entry(number(1)).or_default().insert(number(2))),
                "hang" => history.hangs.push(row.to_owned()),
                other => panic!("{other} in the book"),
            }
        }
        history
    }

    pub(crate) fn effects(&self, key: u64) -> &[(u64, u64)] {
        self.effects.get(&key).map_or(&[], Vec::as_slice)
    }
}
