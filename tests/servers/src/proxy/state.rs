//! What the threads of a proxy share.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::pump::Acceptor;
use super::{Counts, Fate, Message, Side};

type Judge = Box<dyn FnMut(&Message<'_>) -> Fate + Send>;

pub(super) struct Shared {
    pub(super) target: u16,
    state: Mutex<State>,
    changed: Condvar,
    judges: Mutex<Vec<Judge>>,
}

#[derive(Default)]
pub(super) struct State {
    /// `None` while connections are refused.
    pub(super) acceptor: Option<Acceptor>,
    /// By side.
    pub(super) stalled: [bool; 2],
    pub(super) delay: Duration,
    pub(super) counts: Counts,
    /// Those that stand: the client's end of each, and the server's. One that is not here has been cut.
    connections: HashMap<u64, Vec<TcpStream>>,
}

impl State {
    /// Takes the client's end of a new connection, and gives the connection its number.
    pub(super) fn open(&mut self, client: TcpStream) -> u64 {
        self.counts.connections += 1;
        self.connections.insert(self.counts.connections, vec![client]);
        self.counts.connections
    }

    /// Takes the server's end, unless the connection has been cut by now.
    pub(super) fn add(&mut self, connection: u64, server: TcpStream) -> bool {
        self.connections.get_mut(&connection).map(|ends| ends.push(server)).is_some()
    }

    pub(super) fn cut(&mut self) {
        self.connections.drain().for_each(|(_, ends)| close(&ends));
    }

    pub(super) fn cut_one(&mut self, connection: u64) {
        self.connections.remove(&connection).iter().for_each(|ends| close(ends));
    }

    /// Counts a message, and says which one of its side it is.
    fn count(&mut self, from: Side, bytes: usize) -> u64 {
        let counts = &mut self.counts;
        let (messages, sum) = match from {
            Side::Client => (&mut counts.requests, &mut counts.request_bytes),
            Side::Server => (&mut counts.replies, &mut counts.reply_bytes),
        };
        *messages += 1;
        *sum += bytes as u64;
        *messages
    }
}

fn close(ends: &[TcpStream]) {
    for end in ends {
        let _ = end.shutdown(Shutdown::Both); // closed by its peer
    }
}

impl Shared {
    pub(super) fn new(target: u16) -> Self {
        Self { target, state: Mutex::default(), changed: Condvar::new(), judges: Mutex::default() }
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let done = change(&mut self.state());
        self.changed.notify_all();
        done
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    pub(super) fn judges(&self) -> MutexGuard<'_, Vec<Judge>> {
        self.judges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_panicked(&self) -> bool {
        self.judges.is_poisoned()
    }

    /// Returns when the message may be passed on: true, or not at all: false.
    pub(super) fn may_pass(&self, from: Side, connection: u64, bytes: &[u8]) -> bool {
        let number = self.change(|state| state.count(from, bytes.len()));
        let message = Message { from, connection, number, bytes };
        // Every one is asked: each counts for itself.
        let cut = self.judges().iter_mut().fold(false, |cut, judge| (judge(&message) == Fate::Cut) | cut);
        if cut {
            return false;
        }
        let delay = self.look(|state| state.delay);
        if !delay.is_zero() {
            std::thread::sleep(delay);
        }
        let held =
            |state: &mut State| state.stalled[from as usize] && state.connections.contains_key(&connection);
        // One that has been cut takes nothing more.
        drop(self.changed.wait_while(self.state(), held).unwrap_or_else(PoisonError::into_inner));
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
