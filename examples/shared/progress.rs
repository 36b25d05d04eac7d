//! What one sees while it runs, on standard error.

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::time::{Instant, interval_at};

const WIDTH: u64 = 30;

/// How far it has come.
pub(crate) struct Progress {
    pub(crate) done: u64,
    pub(crate) all: u64,
    pub(crate) words: String,
}

/// Shows it until it is dropped: in place on a terminal, and as a plain line now and then elsewhere.
pub(crate) async fn show(progress: impl Fn() -> Progress) -> Infallible {
    let in_place = io::stderr().is_terminal();
    let every = Duration::from_millis(if in_place { 100 } else { 2_000 });
    let mut ticks = interval_at(Instant::now() + every, every);
    let _clear = Clear(in_place);
    loop {
        ticks.tick().await;
        let now = progress();
        // A closed standard error is no reason to stop the run.
        let _ = if in_place {
            write!(io::stderr(), "\r\x1b[2K{} {}", now.bar(), now.words)
        } else {
            writeln!(io::stderr(), "{}", now.words)
        };
    }
}

impl Progress {
    fn bar(&self) -> String {
        (0..WIDTH).map(|cell| if (cell + 1) * self.all <= self.done * WIDTH { '█' } else { '░' }).collect()
    }
}

/// Leaves the terminal's line empty for whatever comes next.
struct Clear(bool);

impl Drop for Clear {
    fn drop(&mut self) {
        if self.0 {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}
