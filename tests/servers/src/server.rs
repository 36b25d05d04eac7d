//! What can be done to a server of any kind.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::place::Place;
use crate::{family, port};

/// How long a server may take to start or to stop, recovery included.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is special about a kind of server.
pub(crate) trait Recipe: Send + Sync {
    fn name(&self) -> &'static str;
    /// How to start it in this folder, on this port.
    fn command(&self, folder: &Path, port: u16) -> Command;
    /// Whether the one with this id answers.
    fn answers(&self, folder: &Path, port: u16, id: u32) -> bool;
    /// Asks it to stop in good order.
    fn stop(&self) -> Signal;
}

/// A server that runs on 127.0.0.1, on a port that stays its own while it is down. Dropped, it is killed and leaves
/// nothing behind; so too if the test panics, or if its process is killed.
///
/// Every method returns when it has happened, and can be called from any thread.
pub struct Server {
    recipe: Box<dyn Recipe>,
    place: Place,
    port: u16,
    /// `None` while it is down.
    running: Mutex<Option<Child>>,
}

/// Why it does not run.
enum Failure {
    PortTaken,
    Other(String),
}

impl Server {
    pub(crate) fn start(recipe: impl Recipe + 'static, place: Place) -> Self {
        let mut server =
            Self { recipe: Box::new(recipe), place, port: port::free(), running: Mutex::new(None) };
        // Between the look at a port and the start of the server another test may take it.
        for _ in 0..20 {
            match server.try_start() {
                Ok(()) => return server,
                Err(Failure::PortTaken) => server.port = port::free(),
                Err(Failure::Other(why)) => panic!("{why}"),
            }
        }
        panic!("{}: twenty ports were taken one after the other", server.recipe.name());
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its data and its log.
    pub fn folder(&self) -> &Path {
        self.place.folder()
    }

    /// The id of its process, that of the postmaster; `None` while it is down.
    pub fn id(&self) -> Option<u32> {
        self.running().as_ref().map(Child::id)
    }

    /// What it has written to its log since its first start.
    pub fn log(&self) -> String {
        fs::read(self.place.folder().join("log"))
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .unwrap_or_default()
    }

    /// `kill -9` of the server and all it has forked, at one moment.
    pub fn kill9(&self) {
        assert!(self.kill(), "{} does not run", self.recipe.name());
    }

    /// Stops it in good order: what it still holds in memory is written.
    pub fn stop(&self) {
        self.stop_by(self.recipe.stop());
    }

    /// Starts it on the same port with the same data, after [`kill9`](Self::kill9), [`stop`](Self::stop), or an end of
    /// its own.
    pub fn start_again(&self) {
        let start = Instant::now();
        loop {
            match self.try_start() {
                Ok(()) => return,
                Err(Failure::PortTaken) if start.elapsed() < PATIENCE => sleep(Duration::from_millis(50)),
                Err(Failure::PortTaken) => panic!("{}: port {} is taken", self.recipe.name(), self.port),
                Err(Failure::Other(why)) => panic!("{why}"),
            }
        }
    }

    /// [`stop`](Self::stop), then [`start_again`](Self::start_again).
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// SIGSTOP for the server and all it has forked: connections stay, and nobody answers.
    pub fn pause(&self) {
        family::pause(self.pid());
    }

    /// SIGCONT after [`pause`](Self::pause).
    pub fn go_on(&self) {
        family::go_on(self.pid());
    }

    pub(crate) fn stop_by(&self, signal: Signal) {
        let mut running = self.running();
        let child = running.as_mut().unwrap_or_else(|| panic!("{} does not run", self.recipe.name()));
        let pid = Pid::from_child(child);
        let _ = kill_process(pid, signal); // has ended by itself
        family::go_on(pid);
        let start = Instant::now();
        while child.try_wait().expect("it is our child").is_none() {
            assert!(start.elapsed() < PATIENCE, "{} does not stop: {}", self.recipe.name(), self.log());
            sleep(Duration::from_millis(2));
        }
        *running = None;
        self.place.watch(None);
    }

    fn try_start(&self) -> Result<(), Failure> {
        let mut running = self.running();
        if let Some(child) = running.as_mut() {
            let ended = child.try_wait().expect("it is our child").is_some();
            assert!(ended, "{} runs already", self.recipe.name());
        }
        let before = self.log().len();
        let log = OpenOptions::new().create(true).append(true).open(self.place.folder().join("log"));
        let log = log.expect("a log in a folder of our own");
        let twin = File::try_clone(&log).expect("a second handle");
        let mut command = self.recipe.command(self.place.folder(), self.port);
        // Of another group, so that Ctrl-C comes to the test alone.
        command.process_group(0).stdin(Stdio::null()).stdout(log).stderr(twin);
        let child =
            running.insert(command.spawn().map_err(|error| Failure::Other(format!("{command:?}: {error}")))?);
        self.place.watch(Some(child.id()));
        let start = Instant::now();
        while !self.recipe.answers(self.place.folder(), self.port, child.id()) {
            let ended = child.try_wait().expect("it is our child");
            if ended.is_none() && start.elapsed() < PATIENCE {
                sleep(Duration::from_millis(2));
                continue;
            }
            if ended.is_some() {
                *running = None;
                self.place.watch(None);
            }
            let said = self.log().split_off(before);
            let taken = ended.is_some() && said.contains("Address already in use");
            let name = self.recipe.name();
            return Err(if taken {
                Failure::PortTaken
            } else {
                Failure::Other(format!("{name} does not start:\n{said}"))
            });
        }
        Ok(())
    }

    /// Whether there was one to be killed.
    fn kill(&self) -> bool {
        let Some(mut child) = self.running().take() else { return false };
        family::kill(Pid::from_child(&child));
        child.wait().expect("it was killed");
        self.place.watch(None);
        true
    }

    fn pid(&self) -> Pid {
        let running = self.running();
        running.as_ref().map_or_else(|| panic!("{} does not run", self.recipe.name()), Pid::from_child)
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        // A test that has panicked still wants its server killed.
        self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The place goes next. Its watchdog would kill it too, and is there for a test that cannot do it itself.
        self.kill();
    }
}
