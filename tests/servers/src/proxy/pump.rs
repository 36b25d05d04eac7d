//! The threads of a proxy: one that accepts, and two for each connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::Side;
use super::state::Shared;

/// The thread that accepts connections.
pub(super) struct Acceptor {
    listener: TcpListener,
    thread: JoinHandle<()>,
}

impl Acceptor {
    /// When this returns, connections are refused and the port is free.
    pub(super) fn end(self) {
        // What ends a connection also ends listening, and wakes the thread that waits for the next.
        let socket = TcpStream::from(OwnedFd::from(self.listener));
        socket.shutdown(Shutdown::Both).expect("it listens");
        self.thread.join().expect("it does not panic");
    }
}

pub(super) fn accept(shared: &Arc<Shared>, listener: TcpListener) {
    let incoming = listener.try_clone().expect("a second handle");
    let owner = Arc::clone(shared);
    let thread = thread::spawn(move || {
        for client in incoming.incoming() {
            let Ok(client) = client else { break };
            let ours = client.try_clone().expect("a second handle");
            let connection = owner.change(|state| state.open(ours));
            let shared = Arc::clone(&owner);
            thread::spawn(move || {
                let _cut = Cut { shared: &shared, connection };
                let _ = connect(&shared, connection, &client); // without a server, the client is closed
            });
        }
    });
    shared.change(|state| state.acceptor = Some(Acceptor { listener, thread }));
}

fn connect(shared: &Arc<Shared>, connection: u64, client: &TcpStream) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.target))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ours = server.try_clone()?;
    if !shared.change(|state| state.add(connection, ours)) {
        return Ok(());
    }
    let (from, to, owner) = (server.try_clone()?, client.try_clone()?, Arc::clone(shared));
    thread::spawn(move || {
        let _cut = Cut { shared: &owner, connection };
        pump(&owner, Side::Server, connection, &from, &to)
    });
    pump(shared, Side::Client, connection, client, &server)
}

/// Passes on what one side says, until it closes or is cut.
fn pump(
    shared: &Shared,
    from: Side,
    connection: u64,
    mut source: &TcpStream,
    mut sink: &TcpStream,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = source.read(&mut buffer)?;
        if read == 0 || !shared.may_pass(from, connection, &buffer[..read]) {
            return Ok(());
        }
        sink.write_all(&buffer[..read])?;
    }
}

/// Cuts a connection in the end, however its thread ends.
struct Cut<'a> {
    shared: &'a Shared,
    connection: u64,
}

impl Drop for Cut<'_> {
    fn drop(&mut self) {
        self.shared.change(|state| state.cut_one(self.connection));
    }
}
