//! How a script is run: by its hash, which the server knows after the first time.

use redis::{Cmd, ErrorKind, ServerErrorKind, Value};

use super::line::{Line, words};
use crate::ledger::LedgerError;

/// A script over one key. The client of a cluster may send it twice, and it must bear that.
pub(crate) struct Script {
    code: &'static str,
    hash: String,
}

impl Script {
    pub(crate) fn new(code: &'static str) -> Self {
        Self { code, hash: redis::Script::new(code).get_hash().to_owned() }
    }

    /// One round trip; another one, with the code, for a server that does not know it, or not any more.
    pub(crate) async fn run(&self, line: &Line, key: &str, args: &[&[u8]]) -> Result<Value, LedgerError> {
        let answer = match line.ask(&command("EVALSHA", &self.hash, key, args)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                line.ask(&command("EVAL", self.code, key, args)).await
            }
            answer => answer,
        };
        answer.map_err(|error| words(&error))
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
