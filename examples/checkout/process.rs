//! A part of the checkout as a process of its own: this very program, started once more.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{ExitStatus, Stdio};
use std::thread;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::oneshot;

/// A running part. It serves on a free port, which is the one line of its standard output. This holds the other end of the child's standard input, so the child ends when this process does,
/// however that happens, and not before it has written what it has begun.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// The first of the arguments names the part.
    pub(crate) async fn start(args: &[&OsStr], variable: Option<(&str, &str)>) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(args)
            .envs(variable)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        // Waiting for a child closes its standard input, which would end this one.
        let stdin = child.stdin.take();
        let mut port = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut port).await?;
        }
        let port = port.trim().parse().map_err(|_| io::Error::other("it did not start"))?;
        Ok(Self { child, stdin, address: (Ipv4Addr::LOCALHOST, port).into() })
    }

    /// Waits until it ends, which it should not.
    pub(crate) async fn died(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Lets it finish what it has begun.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        drop(self.stdin.take());
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("it failed: {status}"))) }
    }
}

/// In a part: its parent wants no more of it, or has died. On a thread that the end of the process does not wait for:
/// the part may fail before its parent leaves.
pub(crate) fn parent_left() -> oneshot::Receiver<()> {
    let (left, parent_left) = oneshot::channel();
    thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = left.send(());
    });
    parent_left
}
