//! A network of one's own: what can go wrong between a client and a server, at a message of one's choice.

mod pump;
mod state;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use state::{Shared, State};

use crate::port;

/// Stands between clients and a server on 127.0.0.1, and passes on what they say until it is told otherwise.
///
/// A message is what one read finds: on the loopback that is what the other side wrote at once, if it waits for the reply
/// before it writes again. Dropped, it cuts all its connections.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

/// One message, before it is passed on.
#[derive(Debug)]
pub struct Message<'a> {
    /// Who says it.
    pub from: Side,
    /// Which connection it belongs to, from 1.
    pub connection: u64,
    /// Which one it is of all that this side has said, on all connections, from 1.
    pub number: u64,
    /// What is said.
    pub bytes: &'a [u8],
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its messages are requests.
    Client,
    /// Its messages are replies.
    Server,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is passed on.
    Pass,
    /// It is dropped, and its connection is cut.
    Cut,
}

/// What has gone through since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections of clients, also those that found no server.
    pub connections: u64,
    /// Messages of the clients.
    pub requests: u64,
    /// Their bytes.
    pub request_bytes: u64,
    /// Messages of the server.
    pub replies: u64,
    /// Their bytes.
    pub reply_bytes: u64,
}

impl Proxy {
    /// Starts one before the server on this port of 127.0.0.1. While there is no server, a connection is closed as soon
    /// as it stands.
    pub fn start(target: u16) -> Self {
        let listener = port::listen();
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared::new(target));
        pump::accept(&shared, listener);
        Self { port, shared }
    }

    /// Its own port on 127.0.0.1, for the clients.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection, now. What has not been passed on is lost.
    pub fn cut(&self) {
        self.shared.change(State::cut);
    }

    /// Whether new connections are refused, as by a host whose server is down. Those that stand are left alone;
    /// one that is just being made may be reset.
    pub fn refuse(&self, refuse: bool) {
        let acceptor = self.shared.change(|state| if refuse { state.acceptor.take() } else { None });
        if let Some(acceptor) = acceptor {
            acceptor.end();
        }
        if !refuse && self.shared.look(|state| state.acceptor.is_none()) {
            pump::accept(&self.shared, self.listen_again());
        }
    }

    /// Whether messages are held back, both ways. Connections stand, and new ones are accepted.
    pub fn stall(&self, stall: bool) {
        self.shared.change(|state| state.stalled = [stall; 2]);
    }

    /// Whether the messages of this side are held back.
    pub fn stall_from(&self, side: Side, stall: bool) {
        self.shared.change(|state| state.stalled[side as usize] = stall);
    }

    /// Holds every message back for so long, both ways: a round trip takes twice as long more.
    pub fn delay(&self, delay: Duration) {
        self.shared.change(|state| state.delay = delay);
    }

    /// Lets the `n`-th next message of a client through (1 is the next), drops the reply and cuts the connection: the
    /// server has done it, and the client does not know.
    pub fn swallow_reply(&self, n: u64) {
        let mut requests = 0;
        let mut doomed = None;
        self.watch(move |message| {
            match message.from {
                Side::Client => {
                    requests += 1;
                    if requests == n {
                        doomed = Some(message.connection);
                    }
                }
                Side::Server if doomed == Some(message.connection) => {
                    doomed = None;
                    return Fate::Cut;
                }
                Side::Server => {}
            }
            Fate::Pass
        });
    }

    /// Calls this at the `n`-th next message of a client (1 is the next), and then passes it on.
    pub fn on_request(&self, n: u64, act: impl FnOnce() + Send + 'static) {
        self.on(Side::Client, n, act);
    }

    /// Calls this at the `n`-th next message of the server (1 is the next), and then passes it on.
    pub fn on_reply(&self, n: u64, act: impl FnOnce() + Send + 'static) {
        self.on(Side::Server, n, act);
    }

    /// Asks this what becomes of every message from now on. While it runs, no connection passes anything on. It may do
    /// anything to the proxy but ask it to watch more.
    pub fn watch(&self, judge: impl FnMut(&Message<'_>) -> Fate + Send + 'static) {
        self.shared.judges().push(Box::new(judge));
    }

    /// What has gone through so far.
    pub fn counts(&self) -> Counts {
        self.shared.look(|state| state.counts)
    }

    fn on(&self, side: Side, n: u64, act: impl FnOnce() + Send + 'static) {
        let mut messages = 0;
        let mut act = Some(act);
        self.watch(move |message| {
            messages += u64::from(message.from == side);
            if messages == n
                && let Some(act) = act.take()
            {
                act();
            }
            Fate::Pass
        });
    }

    /// Nobody else picks its port, unless it happens to pick the same.
    fn listen_again(&self) -> TcpListener {
        for _ in 0..100 {
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)) {
                return listener;
            }
            sleep(Duration::from_millis(50));
        }
        panic!("port {} is taken", self.port);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.refuse(true);
        self.cut();
        // On a thread of the proxy it would fail no test.
        let panicked = self.shared.has_panicked();
        assert!(!panicked || std::thread::panicking(), "what was to watch the proxy has panicked");
    }
}
