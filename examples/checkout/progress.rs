//! What one sees while it runs, on standard error.

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::load::Load;
use crate::seen::Seen;

const WIDTH: u64 = 30;

/// Shows how far it has come, until it is dropped: in place on a terminal, and as a plain line now and then elsewhere.
pub(crate) async fn show(load: &Load, seen: &Seen) -> Infallible {
    let in_place = io::stderr().is_terminal();
    let every = Duration::from_millis(if in_place { 100 } else { 2_000 });
    let mut ticks = interval_at(Instant::now() + every, every);
    let _clear = Clear(in_place);
    loop {
        ticks.tick().await;
        let line = line(load, seen);
        // A closed standard error is no reason to stop the run.
        let _ = if in_place {
            write!(io::stderr(), "\r\x1b[2K{} {line}", bar(load))
        } else {
            writeln!(io::stderr(), "{line}")
        };
    }
}

fn line(load: &Load, seen: &Seen) -> String {
    format!(
        "{}/{} orders, breaker {}, {} retries, {} timeouts",
        load.done.load(Relaxed),
        load.orders,
        seen.breaker(),
        seen.retried.load(Relaxed),
        seen.timed_out.load(Relaxed),
    )
}

fn bar(load: &Load) -> String {
    (0..WIDTH)
        .map(|cell| if (cell + 1) * load.orders <= load.done.load(Relaxed) * WIDTH { '█' } else { '░' })
        .collect()
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
