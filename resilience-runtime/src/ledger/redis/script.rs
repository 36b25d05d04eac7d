//! How a script is run: by its hash, which the server knows after the first time.

use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};

use super::line::{Line, fault, words};
use crate::ledger::LedgerError;
use crate::time;

/// How often a script is sent whose answer was lost. Nobody above sends it again.
pub(super) const TRIES: u32 = 3;
/// The longest pause before it is sent again.
const PAUSE: Duration = Duration::from_millis(25);

/// A script over one key. The client of a cluster may send it twice, and it must bear that.
pub(crate) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(code: &'static str) -> Self {
        Self { code, hash: redis::Script::new(code).get_hash().to_owned() }
    }

    /// Runs it. Sent again where its answer was lost.
    pub(crate) async fn run(&self, line: &Line, key: &str, args: &[&[u8]]) -> Result<Value, LedgerError> {
        self.run_if(|| true, TRIES, line, key, args).await
    }

    /// Sent once: the answer to a second one would be about the first.
    pub(crate) async fn run_once(
        &self,
        line: &Line,
        key: &str,
        args: &[&[u8]],
    ) -> Result<Value, LedgerError> {
        self.run_if(|| true, 1, line, key, args).await
    }

    /// Sent up to `tries` times, if it is still wanted once there is a connection for it.
    pub(super) async fn run_if(
        &self,
        is_wanted: impl Fn() -> bool,
        tries: u32,
        line: &Line,
        key: &str,
        args: &[&[u8]],
    ) -> Result<Value, LedgerError> {
        line.ready().await.map_err(|error| LedgerError::unsent(words(&error)))?;
        if !is_wanted() {
            return Err(LedgerError::unsent("nobody waits for it any more"));
        }
        for _ in 1..tries {
            match self.send(line, key, args).await {
                Err(error) if line.repeats(&error) => time::pause(PAUSE.mul_f64(fastrand::f64())).await,
                answer => return answer.map_err(|error| fault(&error)),
            }
        }
        self.send(line, key, args).await.map_err(|error| fault(&error))
    }

    /// One round trip; another one, with the code, for a server that does not know it, or not any more.
    async fn send(&self, line: &Line, key: &str, args: &[&[u8]]) -> RedisResult<Value> {
        match line.ask(&command("EVALSHA", &self.hash, key, args)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                line.ask(&command("EVAL", self.code, key, args)).await
            }
            answer => answer,
        }
    }
}

fn command(name: &str, script: &str, key: &str, args: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(1).arg(key);
    for arg in args {
        command.arg(*arg);
    }
    command
}
