//! The thread that wakes whoever is due.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::{self, Thread};
use std::time::Duration;

use super::due::NEVER;
use super::list::{List, Place};
use crate::event;
use crate::time::Tick;

/// The driver wakes at multiples of this, in nanoseconds: some 1900 times a second at most, and never early.
const GRAIN: u64 = 1 << 19;
/// Lists are never given back: a timeout keeps its own in a static.
const MOST_LISTS: usize = 64;
/// A list that is overdue for so long has no driver any more.
const OVERDUE: u64 = 1_000_000_000;

pub(super) struct Driver {
    /// The moment up to which the driver has looked.
    horizon: AtomicU64,
    lists: Mutex<Vec<&'static List>>,
    /// The deadlines of no order.
    tree: List,
    /// `None`: the system gives no thread.
    thread: OnceLock<Option<Running>>,
    /// This process is a copy of the one in which the thread runs.
    forked: AtomicBool,
}

struct Running {
    thread: Thread,
    process: u32,
}

impl Driver {
    pub(super) const fn new() -> Self {
        Self {
            horizon: AtomicU64::new(0),
            lists: Mutex::new(Vec::new()),
            tree: List::new(0),
            thread: OnceLock::new(),
            forked: AtomicBool::new(false),
        }
    }

    pub(super) fn horizon(&self) -> u64 {
        self.horizon.load(Ordering::Acquire)
    }

    pub(super) fn list(&self, duration: Duration) -> Option<&'static List> {
        let time = u64::try_from(duration.as_nanos()).ok().filter(|time| *time > 0)?;
        let mut lists = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = lists.iter().find(|list| list.time() == time) {
            return Some(list);
        }
        if lists.len() == MOST_LISTS {
            return None;
        }
        let list = &*Box::leak(Box::new(List::new(time)));
        lists.push(list);
        Some(list)
    }

    /// Enters a deadline, in its list if it is in order there. Nothing, where there is no thread.
    pub(super) fn enter(
        &'static self,
        list: Option<&'static List>,
        at: u64,
        waker: &Waker,
    ) -> Option<(&'static List, Place)> {
        let running = self.thread.get_or_init(|| self.start()).as_ref()?;
        if self.forked.load(Ordering::Relaxed) {
            return None;
        }
        let listed = list.and_then(|list| Some((list, list.enter(at, waker).ok()?)));
        let (list, place) = match listed {
            Some(listed) => listed,
            None => (&self.tree, self.tree.enter(at, waker).ok()?),
        };
        let due = list.due.get();
        // In a list the moment tells when this call began.
        let is_overdue = list.time() > 0 && due.saturating_add(list.time()).saturating_add(OVERDUE) < at;
        let tells = list.due.tell(at);
        // Asking the system for the process takes longer than all else here, and the driver is seldom told.
        if (tells || is_overdue) && running.process != std::process::id() {
            list.leave(place);
            self.is_a_copy();
            return None;
        }
        if tells {
            running.thread.unpark();
        }
        Some((list, place))
    }

    /// Once: a copy of a process has one thread, and this is not it.
    fn is_a_copy(&self) {
        if !self.forked.swap(true, Ordering::Relaxed) {
            event::emit_forked();
        }
    }

    fn start(&'static self) -> Option<Running> {
        let builder = thread::Builder::new().name("deadlines".to_owned());
        let handle = builder.spawn(|| self.drive()).ok()?;
        Some(Running { thread: handle.thread().clone(), process: std::process::id() })
    }

    fn drive(&self) {
        let (mut lists, mut wakers) = (Vec::new(), Vec::new());
        loop {
            let next = self.look(Tick::now().nanos(), &mut lists, &mut wakers);
            if next == NEVER {
                thread::park();
                continue;
            }
            let at = next.saturating_add(GRAIN - 1) & !(GRAIN - 1);
            let wait = at.saturating_sub(Tick::now().nanos());
            if wait > 0 {
                thread::park_timeout(Duration::from_nanos(wait));
            }
        }
    }

    /// Wakes whoever is due, and says when to look again.
    fn look(&self, now: u64, lists: &mut Vec<&'static List>, wakers: &mut Vec<Waker>) -> u64 {
        // Before anybody is woken: it asks whether its moment has come.
        self.horizon.fetch_max(now, Ordering::AcqRel);
        {
            // A copy: who is woken may ask for a list.
            let all = self.lists.lock().unwrap_or_else(PoisonError::into_inner);
            let known = lists.len();
            lists.extend(&all[known..]);
        }
        let all = || lists.iter().copied().chain(std::iter::once(&self.tree));
        for list in all() {
            if list.due.get() <= now {
                list.look(now, wakers);
            }
        }
        all().map(|list| list.due.get()).min().unwrap_or(NEVER)
    }
}
