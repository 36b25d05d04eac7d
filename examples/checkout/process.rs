//! The gateway as a process of its own: this very program, started once more.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::args::GATEWAY;
use crate::plan::Plan;

/// A running gateway. It holds the other end of the child's standard input, so the child ends when this process does,
/// however that happens, and not before it has written what it has begun.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
}

impl Process {
    pub(crate) async fn start(plan: Plan, book: &Path) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(GATEWAY)
            .args(["--seed", &plan.seed.to_string(), "--faults", plan.faults.name(), "--book"])
            .arg(book)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        // Waiting for a child closes its standard input, which would end this one.
        let stdin = child.stdin.take();
        let mut port = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut port).await?;
        }
        let port = port.trim().parse().map_err(|_| io::Error::other("the gateway did not start"))?;
        Ok(Self { child, stdin, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Waits until the gateway ends, which it should not.
    pub(crate) async fn died(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Lets the gateway finish what it has begun; after this its book does not change.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        drop(self.stdin.take());
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("the gateway failed: {status}"))) }
    }
}
