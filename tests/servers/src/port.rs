//! Ports that nothing else takes.

use std::net::{Ipv4Addr, TcpListener};

/// Below the ports that the system gives to connections: one of those may be taken while a server is down, and a client
/// that connects from the very port it connects to is connected to itself.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A listener on a free port of the loopback.
pub(crate) fn listen() -> TcpListener {
    let attempts = std::iter::repeat_with(|| fastrand::u16(RANGE)).take(1_000);
    let bound = attempts.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)));
    bound.flatten().next().expect("a free port among twelve thousand")
}

/// A port that was free a moment ago.
pub(crate) fn free() -> u16 {
    listen().local_addr().expect("it is bound").port()
}
