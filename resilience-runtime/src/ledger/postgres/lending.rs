//! Who gets a connection: (state, event, now) -> what to do.
//!
//! A statement waits in a queue for a connection, and no longer than its own limit. What ends or renews a claim comes
//! before what begins one: work that was begun is finished first, and calls end one after the other instead of all at once.
//! Otherwise it is first come, first served, as long as all can be served in time. Where a queue is older than that, as
//! after a server that stood still, the newest is served first: those at its head have no time left to use an answer, and
//! a server that works for them is busy and of no use to anybody.

use std::collections::VecDeque;
use std::time::Duration;

use super::fault::Fault;
use crate::backoff::Backoff;
use crate::time::Tick;

/// Between two attempts to connect to a server that refuses.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// In how many batches those who arrive within one limit are refused, where all of them are.
const BATCHES: u32 = 16;

pub(super) struct Lending<C, W> {
    /// Connections at a time.
    most: usize,
    /// How long a statement waits.
    limit: Duration,
    idle: Vec<C>,
    lent: usize,
    /// Connections on which a statement was given up, and whose server has not answered it yet. With them there are twice
    /// as many as `most`, at most.
    owing: usize,
    connecting: usize,
    /// In their order of precedence.
    queues: [Queue<W>; 2],
    outage: Option<Outage>,
    /// What a statement takes of late, from its sending to its answer.
    usual: Duration,
}

/// What a statement is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precedence {
    /// It ends or renews a claim, or is light and for many.
    First,
    /// It begins a claim, or looks at one.
    Second,
}

type Queue<W> = VecDeque<Waiter<W>>;

/// A statement that waits for a connection.
struct Waiter<W> {
    since: Tick,
    who: W,
}

/// Whoever waits for a connection.
pub(super) trait Waits {
    /// It will not take one any more.
    fn has_left(&self) -> bool;
}

/// A connection that can break while nobody uses it.
pub(super) trait Breaks {
    fn is_broken(&self) -> bool;
}

/// No connection can be made.
struct Outage {
    pauses: Backoff,
    /// Nobody tries before.
    until: Tick,
    why: Fault,
}

/// What is to be done, once nobody holds the lock.
pub(super) struct Next<C, W> {
    /// Gets this connection.
    pub(super) hand: Option<(W, C)>,
    /// Hear why they get none.
    pub(super) refused: Vec<(W, Fault)>,
    /// A connection is to be made.
    pub(super) connect: bool,
    /// To be closed.
    pub(super) closed: Vec<C>,
}

impl<C, W> Default for Next<C, W> {
    fn default() -> Self {
        Self { hand: None, refused: Vec::new(), connect: false, closed: Vec::new() }
    }
}

impl<C: Breaks, W: Waits> Lending<C, W> {
    pub(super) fn new(most: usize, limit: Duration) -> Self {
        Self {
            most,
            limit,
            idle: Vec::new(),
            lent: 0,
            owing: 0,
            connecting: 0,
            queues: [VecDeque::new(), VecDeque::new()],
            outage: None,
            usual: Duration::ZERO,
        }
    }

    /// A statement asks for a connection.
    pub(super) fn arrive(&mut self, who: W, precedence: Precedence, now: Tick) -> Next<C, W> {
        let mut next = Next::default();
        while let Some(connection) = self.idle.pop() {
            if connection.is_broken() {
                next.closed.push(connection);
                continue;
            }
            self.lent += 1;
            next.hand = Some((who, connection));
            return next;
        }
        if let Some(outage) = &self.outage
            && self.lent + self.owing == 0
            && (self.connecting > 0 || now < outage.until)
        {
            next.refused.push((who, outage.why.clone()));
            return next;
        }
        self.let_go(now, &mut next.refused);
        self.queues[precedence as usize].push_back(Waiter { since: now, who });
        next.connect = self.connects(now);
        next
    }

    /// A connection comes back from a statement that took so long.
    pub(super) fn returned(&mut self, connection: C, took: Duration, now: Tick) -> Next<C, W> {
        self.lent -= 1;
        // One that stood still says nothing about the server.
        self.usual = self.usual * 7 / 8 + took.min(self.limit / 8) / 8;
        self.hand(connection, now)
    }

    /// A connection that was lent is closed.
    pub(super) fn lost(&mut self, now: Tick) -> Next<C, W> {
        self.lent -= 1;
        self.without(now)
    }

    /// The statement on a connection was given up before its answer came.
    pub(super) fn owes(&mut self, now: Tick) -> Next<C, W> {
        self.lent -= 1;
        self.owing += 1;
        self.without(now)
    }

    /// The answer has come after all; or it will not, and the connection is closed.
    pub(super) fn settled(&mut self, connection: Option<C>, now: Tick) -> Next<C, W> {
        self.owing -= 1;
        match connection {
            Some(connection) => self.hand(connection, now),
            None => self.without(now),
        }
    }

    pub(super) fn connected(&mut self, connection: C, now: Tick) -> Next<C, W> {
        self.connecting -= 1;
        self.outage = None;
        let next = self.hand(connection, now);
        // An outage held the others back.
        Next { connect: self.connects(now), ..next }
    }

    pub(super) fn failed_to_connect(&mut self, why: &Fault, now: Tick) -> Next<C, W> {
        self.connecting -= 1;
        let mut random = fastrand::Rng::new();
        match &mut self.outage {
            // This attempt was under way when another one failed.
            Some(outage) if now < outage.until => {}
            outage => {
                let mut pauses =
                    outage.take().map_or_else(|| Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), |it| it.pauses);
                let until = now.after(pauses.next(&mut random));
                *outage = Some(Outage { pauses, until, why: why.clone() });
            }
        }
        self.without(now)
    }

    /// There is no connection to hand on. Where none is to come either, those who wait hear so.
    fn without(&mut self, now: Tick) -> Next<C, W> {
        let mut next = Next { connect: self.connects(now), ..Next::default() };
        if let Some(outage) = &self.outage
            && self.lent + self.owing + self.connecting == 0
        {
            let waiting = self.queues.iter_mut().flat_map(|queue| queue.drain(..));
            next.refused.extend(waiting.map(|waiter| (waiter.who, outage.why.clone())));
        }
        next
    }

    /// Whether another connection is to be made now, for those who wait. While the server owes answers, or refuses, one
    /// attempt at a time finds out for all whether it is back.
    fn connects(&mut self, now: Tick) -> bool {
        let waiting: usize = self.queues.iter().map(VecDeque::len).sum();
        let most = match &self.outage {
            Some(outage) if now < outage.until => 0,
            Some(_) => 1,
            None if self.owing > 0 => 1,
            None => waiting,
        };
        let alive = self.lent + self.idle.len() + self.connecting;
        let has_room = alive < self.most && alive + self.owing < 2 * self.most;
        let connects = has_room && self.connecting < most.min(waiting);
        self.connecting += usize::from(connects);
        connects
    }

    fn hand(&mut self, connection: C, now: Tick) -> Next<C, W> {
        let mut next = Next::default();
        // More than there may be: one was made while this one owed its answer.
        if self.lent + self.idle.len() >= self.most {
            next.closed.push(connection);
            return next;
        }
        match self.next_waiter(now, &mut next.refused) {
            Some(who) => {
                self.lent += 1;
                next.hand = Some((who, connection));
            }
            None => self.idle.push(connection),
        }
        next
    }

    fn next_waiter(&mut self, now: Tick, refused: &mut Vec<(W, Fault)>) -> Option<W> {
        // To these an answer would come too late.
        self.let_go(now.after(self.usual * 2), refused);
        let limit = self.limit;
        self.queues.iter_mut().find_map(|queue| next_of(queue, limit, now))
    }

    /// Those in front whose time is over at this moment, or who have left. With the first of them goes who would be next:
    /// to wake one task of the callers after the other costs more than all that is done for them here.
    fn let_go(&mut self, at: Tick, refused: &mut Vec<(W, Fault)>) {
        let (limit, soon) = (self.limit, at.after(self.limit / BATCHES));
        let is_over = |waiter: &mut Waiter<W>, at| waiter.who.has_left() || waiter.since.after(limit) <= at;
        for queue in &mut self.queues {
            if !queue.front_mut().is_some_and(|first| is_over(first, at)) {
                continue;
            }
            while let Some(first) = queue.pop_front_if(|first| is_over(first, soon)) {
                if !first.who.has_left() {
                    refused.push((first.who, busy(self.most)));
                }
            }
        }
    }
}

fn next_of<W: Waits>(queue: &mut Queue<W>, limit: Duration, now: Tick) -> Option<W> {
    loop {
        let first = queue.front()?;
        let is_late = first.since.after(limit * 3 / 4) <= now;
        let next = if is_late { queue.pop_back() } else { queue.pop_front() };
        if let Some(Waiter { who, .. }) = next.filter(|next| !next.who.has_left()) {
            return Some(who);
        }
    }
}

fn busy(most: usize) -> Fault {
    Fault::unsent(format!("all connections are busy, {most} of {most} (`pool_max`)"))
}

#[cfg(test)]
mod tests;
