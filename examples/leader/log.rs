//! What happens, line by line.

use std::fmt::Display;
use std::time::Instant;

#[derive(Clone, Copy)]
pub(crate) struct Log {
    start: Instant,
}

impl Log {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn line(self, who: &str, what: impl Display) {
        println!("{:>6} ms  {who}  {what}", self.start.elapsed().as_millis());
    }
}
