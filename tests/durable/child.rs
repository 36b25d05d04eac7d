//! A process of its own: one of the ignored tests of this binary, which works until it is killed or has ended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Where a child finds its place on disk.
const PLACE: &str = "RESILIENCE_TEST_PLACE";

/// Starts `case` in a place on disk.
pub(crate) fn command(case: &str, place: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command.args(["--exact", case, "--ignored", "--nocapture"]).env(PLACE, place).stdout(Stdio::piped());
    command
}

/// The place that this child was given.
pub(crate) fn place() -> PathBuf {
    std::env::var_os(PLACE).expect("a child has a place").into()
}

/// A child that runs. It does not outlive this.
pub(crate) struct Running {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, said }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has said this line.
    pub(crate) fn heard(&mut self, line: &str) {
        let mut all = String::new();
        while self.said.read_line(&mut all).expect("it is text") > 0 {
            if all.lines().next_back() == Some(line) {
                return;
            }
        }
        panic!("it ended without `{line}`: {all}");
    }

    /// Stops it where it is: when this returns, none of its threads does anything.
    pub(crate) fn freeze(&mut self) {
        self.signal("STOP");
        while !self.is_frozen() {
            self.still_runs();
            sleep(Duration::from_millis(1));
        }
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status();
        assert!(sent.expect("a shell").success());
    }

    /// One thread stops later than another, such as at the end of a sync.
    fn is_frozen(&self) -> bool {
        let mut threads = fs::read_dir(format!("/proc/{}/task", self.id())).expect("it runs");
        threads.all(|thread| {
            let status = fs::read_to_string(thread.expect("a thread").path().join("status"));
            status.is_ok_and(|status| status.contains("State:\tT"))
        })
    }

    fn still_runs(&mut self) {
        assert_eq!(self.child.try_wait().expect("it can be waited for"), None, "it ended by itself");
    }

    pub(crate) fn kill(mut self) {
        self.still_runs();
        self.child.kill().expect("it runs");
        self.child.wait().expect("it has ended");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // has ended, or is of no use any more
        let _ = self.child.wait();
    }
}

/// Runs a case to its end, which has to be a good one.
pub(crate) fn passes(command: &mut Command) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().expect("it starts");
    let text = String::from_utf8_lossy;
    let said = text(&output.stdout).into_owned() + &text(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{command:?}: {said}");
    println!("{said}");
}

/// What a child says to the test that started it. The first line break ends what the harness has begun.
pub(crate) fn say(line: &str) {
    println!("\n{line}");
}
