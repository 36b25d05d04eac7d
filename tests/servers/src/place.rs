//! The folder of a server, and who cleans up.

use std::fs::{self, DirBuilder};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// Reads the id of the server that runs now, line by line. The input ends when the test has ended, in whatever way:
/// then the server, those it has forked, its shared memory and its folder go.
const WATCH: &str = r#"
trap '' INT TERM HUP
while read -r id; do server=$id; done
if [ -n "$server" ]; then
    kill -STOP "$server"
    kill -KILL $(cat "/proc/$server/task/"*/children) "$server"
fi
# PostgreSQL's mark of a running server outlives one that was killed.
set -- "$1" $(sed -n 7p "$1/data/postmaster.pid")
[ -z "$3" ] || ipcrm -m "$3"
# One that is just dying may still make a file.
for attempt in 1 2 3 4 5 6 7 8 9; do
    rm -rf "$1" && break
    sleep 0.1
done
"#;

/// A folder that is gone when this is, or when this process is.
pub(crate) struct Place {
    folder: PathBuf,
    watchdog: Child,
    /// The only end of this pipe that can write: the system closes it for a process that is killed.
    told: Option<ChildStdin>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("resilience-test-{:016x}", fastrand::u64(..)));
        let mut watch = Command::new("sh");
        watch.args(["-c", WATCH, "watchdog"]).arg(&folder).current_dir("/");
        // Whoever kills the test by its group spares the watchdog, and nobody waits for the end of its output.
        watch.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut watchdog = watch.spawn().expect("a shell");
        let told = watchdog.stdin.take();
        // Only now, so that there is no moment at which nobody would remove it.
        let made = DirBuilder::new().mode(0o755).create(&folder);
        made.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self { folder, watchdog, told }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server to be killed in the end; with none, its id may be another's by then.
    pub(crate) fn watch(&self, server: Option<u32>) {
        let line = server.map(|id| id.to_string()).unwrap_or_default();
        let written =
            self.told.as_ref().map_or(Ok(()), |mut pipe| pipe.write_all(format!("{line}\n").as_bytes()));
        // Without a watchdog nothing may start; what ends can end.
        assert!(written.is_ok() || server.is_none(), "the watchdog is gone");
    }

    /// Moves what is in it elsewhere; on another file system it is copied.
    pub(crate) fn give(&self, name: &str, to: &Path) -> std::io::Result<()> {
        let from = self.folder.join(name);
        fs::rename(&from, to).or_else(|_| crate::template::copy(&from, to, None))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.told.take());
        let _ = self.watchdog.wait(); // it has ended, or is of no use any more
    }
}
