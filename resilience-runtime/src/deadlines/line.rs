//! Deadlines in their order: those that come in order in a list, the others in a tree. No clock, no lock.

use std::collections::BTreeSet;
use std::mem;
use std::task::Waker;

/// How many later ones a deadline goes past to its place, before the tree takes it.
const MOST_STEPS: u32 = 32;
/// A line that was longer than this gives its memory back when the last has left.
const KEPT: usize = 1024;

/// No node.
const NONE: u32 = u32::MAX;
/// In the place of a neighbour: this node is in neither the list nor the tree; its waker was woken.
const WOKEN: u32 = u32::MAX - 1;
/// In the place of a neighbour: it is in the tree.
const PLANTED: u32 = u32::MAX - 2;

#[derive(Debug)]
struct Node {
    at: u64,
    waker: Option<Waker>,
    prev: u32,
    next: u32,
}

#[derive(Debug)]
pub(super) struct Line {
    nodes: Vec<Node>,
    head: u32,
    tail: u32,
    /// The first of the nodes that can be used again.
    free: u32,
    live: u32,
    /// Somebody came since the last look.
    pub(super) used: bool,
    tree: BTreeSet<(u64, u32)>,
}

/// What is to be dropped where no lock is held: a waker is foreign code.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Rest {
    _waker: Option<Waker>,
    _nodes: Vec<Node>,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            head: NONE,
            tail: NONE,
            free: NONE,
            live: 0,
            used: false,
            tree: BTreeSet::new(),
        }
    }

    /// Takes a deadline into the list, if its place is near the end.
    pub(super) fn join(&mut self, at: u64, waker: Waker) -> Result<u32, Waker> {
        let (mut before, mut steps) = (self.tail, 0);
        while before != NONE && self.node(before).at > at {
            if steps == MOST_STEPS {
                return Err(waker);
            }
            (before, steps) = (self.node(before).prev, steps + 1);
        }
        let after = if before == NONE { self.head } else { self.node(before).next };
        let index = self.place(Node { at, waker: Some(waker), prev: before, next: after });
        match before {
            NONE => self.head = index,
            _ => self.node(before).next = index,
        }
        match after {
            NONE => self.tail = index,
            _ => self.node(after).prev = index,
        }
        Ok(index)
    }

    /// Takes a deadline into the tree.
    pub(super) fn plant(&mut self, at: u64, waker: Waker) -> u32 {
        let index = self.place(Node { at, waker: Some(waker), prev: PLANTED, next: NONE });
        self.tree.insert((at, index));
        index
    }

    /// The waiter is gone.
    pub(super) fn leave(&mut self, index: u32) -> Rest {
        self.unlink(index);
        let free = mem::replace(&mut self.free, index);
        let node = self.node(index);
        (node.prev, node.next) = (WOKEN, free);
        let waker = node.waker.take();
        self.live -= 1;
        let mut nodes = Vec::new();
        if self.live == 0 && self.nodes.capacity() > KEPT {
            (self.free, nodes) = (NONE, mem::take(&mut self.nodes));
        }
        Rest { _waker: waker, _nodes: nodes }
    }

    /// Whether it was woken already; if not, it will be by another waker.
    pub(super) fn wake_another(&mut self, index: u32, waker: Waker) -> (bool, Rest) {
        let node = self.node(index);
        let was_woken = node.prev == WOKEN;
        let old = if was_woken { Some(waker) } else { node.waker.replace(waker) };
        (was_woken, Rest { _waker: old, _nodes: Vec::new() })
    }

    /// Moves the wakers of deadlines up to `now`, at most so many. Whether there may be more.
    pub(super) fn due(&mut self, now: u64, most: usize, wakers: &mut Vec<Waker>) -> bool {
        while wakers.len() < most {
            let planted = self.tree.first().copied();
            let listed = (self.head != NONE).then_some(self.head).map(|head| (self.node(head).at, head));
            let Some((at, index)) = planted.into_iter().chain(listed).min() else { return false };
            if at > now {
                return false;
            }
            self.unlink(index);
            let node = self.node(index);
            node.prev = WOKEN;
            wakers.extend(node.waker.take());
        }
        true
    }

    /// The nearest deadline.
    pub(super) fn first(&self) -> Option<u64> {
        let listed = (self.head != NONE).then(|| self.nodes[self.head as usize].at);
        self.tree.first().map(|(at, _)| *at).into_iter().chain(listed).min()
    }

    fn node(&mut self, index: u32) -> &mut Node {
        &mut self.nodes[index as usize]
    }

    fn place(&mut self, node: Node) -> u32 {
        self.live += 1;
        self.used = true;
        if self.free == NONE {
            self.nodes.push(node);
            return u32::try_from(self.nodes.len() - 1)
                .expect("fewer than four billion calls of one thread wait");
        }
        let index = self.free;
        self.free = mem::replace(self.node(index), node).next;
        index
    }

    fn unlink(&mut self, index: u32) {
        let &mut Node { at, prev, next, .. } = self.node(index);
        match prev {
            WOKEN => return,
            PLANTED => {
                self.tree.remove(&(at, index));
                return;
            }
            NONE => self.head = next,
            _ => self.node(prev).next = next,
        }
        match next {
            NONE => self.tail = prev,
            _ => self.node(next).prev = prev,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    use proptest::prelude::*;

    use super::*;

    /// Who was woken: the place, and the deadline.
    type Log = Arc<Mutex<Vec<(u64, usize)>>>;

    struct Tells(u64, usize, Log);

    impl Wake for Tells {
        fn wake(self: Arc<Self>) {
            self.2.lock().expect("no panic").push((self.0, self.1));
        }
    }

    #[derive(Debug, Clone)]
    enum Action {
        Join(u64),
        Plant(u64),
        Leave(usize),
        Look(u64),
        WakeAnother(usize),
    }

    fn action() -> impl Strategy<Value = Action> {
        prop_oneof![
            4 => (0u64..60).prop_map(Action::Join),
            2 => (0u64..60).prop_map(Action::Plant),
            3 => (0usize..64).prop_map(Action::Leave),
            2 => (0u64..60).prop_map(Action::Look),
            1 => (0usize..64).prop_map(Action::WakeAnother),
        ]
    }

    proptest! {
        /// Beside a map of all that wait, each with the number of its last waker.
        #[test]
        fn who_is_due_is_woken_once_and_in_order(actions in prop::collection::vec(action(), 1..200)) {
            let (mut line, log) = (Line::new(), Log::default());
            let mut waiting: BTreeMap<u32, (u64, usize, bool)> = BTreeMap::new();
            for (number, action) in actions.into_iter().enumerate() {
                let waker = |at| Waker::from(Arc::new(Tells(at, number, Arc::clone(&log))));
                let pick = |waiting: &BTreeMap<u32, _>, at: usize| waiting.keys().nth(at % waiting.len().max(1)).copied();
                match action {
                    Action::Join(at) | Action::Plant(at) => {
                        let index = match action {
                            Action::Join(_) => line.join(at, waker(at)).unwrap_or_else(|waker| line.plant(at, waker)),
                            _ => line.plant(at, waker(at)),
                        };
                        prop_assert!(waiting.insert(index, (at, number, false)).is_none(), "a place of its own");
                    }
                    Action::Leave(at) => if let Some(index) = pick(&waiting, at) {
                        waiting.remove(&index);
                        drop(line.leave(index));
                    },
                    Action::WakeAnother(at) => if let Some(index) = pick(&waiting, at) {
                        let (at, last, woken) = waiting.get_mut(&index).expect("it waits");
                        *last = number;
                        let (was_woken, _rest) = line.wake_another(index, waker(*at));
                        prop_assert_eq!(was_woken, *woken, "of {}", at);
                    },
                    Action::Look(now) => {
                        let mut wakers = Vec::new();
                        while line.due(now, wakers.len() + 3, &mut wakers) {}
                        wakers.into_iter().for_each(Waker::wake);
                        let told = std::mem::take(&mut *log.lock().expect("no panic"));
                        prop_assert!(told.is_sorted_by_key(|(at, _)| *at), "in order: {:?}", told);
                        let due = waiting.values_mut().filter(|(at, _, woken)| *at <= now && !woken);
                        let mut expected: Vec<_> = due.map(|(at, last, woken)| {
                            *woken = true;
                            (*at, *last)
                        }).collect();
                        let mut told = told;
                        told.sort_unstable();
                        expected.sort_unstable();
                        prop_assert_eq!(told, expected, "each once, by its last waker");
                    }
                }
                prop_assert!(log.lock().expect("no panic").is_empty(), "only a look wakes");
                let first = waiting.values().filter(|(_, _, woken)| !woken).map(|(at, ..)| *at).min();
                prop_assert_eq!(line.first(), first);
            }
        }
    }

    #[test]
    fn what_is_far_from_its_place_goes_to_the_tree() {
        let mut line = Line::new();
        for at in 0..100 {
            line.join(100 + at, Waker::noop().clone()).expect("in order");
        }
        assert!(line.join(168, Waker::noop().clone()).is_ok(), "past 31");
        assert!(line.join(100, Waker::noop().clone()).is_err());
    }

    #[test]
    fn memory_is_given_back() {
        let mut line = Line::new();
        let all: Vec<_> =
            (0..5_000).map(|at| line.join(at, Waker::noop().clone()).expect("in order")).collect();
        for index in all {
            drop(line.leave(index));
        }
        assert_eq!((line.nodes.capacity(), line.first()), (0, None));
        assert_eq!(line.join(1, Waker::noop().clone()).expect("again"), 0);
    }
}
