//! The gateway as a process of its own: this very program, started once more.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::args::GATEWAY;
use crate::plan::Plan;

/// A running gateway. It holds the other end of the child's standard input, so the child ends when this process does,
/// however that happens.
pub(crate) struct Process {
    child: Child,
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
            .kill_on_drop(true)
            .spawn()?;
        let mut port = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut port).await?;
        }
        let port = port.trim().parse().map_err(|_| io::Error::other("the gateway did not start"))?;
        Ok(Self { child, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Lets the gateway finish what it has begun; after this its book does not change.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("the gateway failed: {status}"))) }
    }
}
