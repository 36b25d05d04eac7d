//! The queue of those who wait: first come, first served, and anybody can leave it from anywhere.

use std::collections::BTreeMap;

/// Waiters by their tickets. A ticket is one more than the last, so their order is that in which they came. Whatever is
/// done with one of them takes the logarithm of their number: a crowd that leaves in any order must not hold the lock
/// of its queue for the square of it.
pub(crate) struct WaitQueue<T> {
    waiters: BTreeMap<u64, T>,
    next: u64,
}

impl<T> WaitQueue<T> {
    pub(crate) const fn new() -> Self {
        Self { waiters: BTreeMap::new(), next: 0 }
    }

    /// Somebody comes, and gets a ticket.
    pub(crate) fn join(&mut self, waiter: T) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.waiters.insert(ticket, waiter);
        ticket
    }

    /// Somebody comes back under a ticket of this queue: in front of all who came after it.
    pub(crate) fn rejoin(&mut self, ticket: u64, waiter: T) {
        debug_assert!(ticket < self.next, "a ticket of another queue");
        self.waiters.insert(ticket, waiter);
    }

    /// The one with this ticket leaves, if it is here.
    pub(crate) fn leave(&mut self, ticket: u64) -> Option<T> {
        self.waiters.remove(&ticket)
    }

    pub(crate) fn get_mut(&mut self, ticket: u64) -> Option<&mut T> {
        self.waiters.get_mut(&ticket)
    }

    /// The one in front.
    pub(crate) fn first(&self) -> Option<(u64, &T)> {
        self.waiters.first_key_value().map(|(ticket, waiter)| (*ticket, waiter))
    }

    /// The one in front leaves.
    pub(crate) fn pop_first(&mut self) -> Option<(u64, T)> {
        self.waiters.pop_first()
    }

    /// The one in front leaves, if it is such a one.
    pub(crate) fn pop_first_if(&mut self, is_such: impl FnOnce(&T) -> bool) -> Option<(u64, T)> {
        self.first().is_some_and(|(_, first)| is_such(first)).then(|| self.pop_first()).flatten()
    }

    /// Those who came after the one with this ticket, in order.
    pub(crate) fn behind(&mut self, ticket: u64) -> impl Iterator<Item = &mut T> {
        self.waiters.range_mut(ticket..).filter(move |(other, _)| **other != ticket).map(|(_, waiter)| waiter)
    }

    /// Lets all of them, in order, leave of whom this is true.
    pub(crate) fn leave_if(
        &mut self,
        leaves: impl FnMut(&u64, &mut T) -> bool,
    ) -> impl Iterator<Item = (u64, T)> {
        self.waiters.extract_if(.., leaves)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_come_first_served_and_who_comes_back_has_its_place() {
        let mut queue = WaitQueue::new();
        let [a, b, c, d] = ['a', 'b', 'c', 'd'].map(|waiter| queue.join(waiter));
        assert_eq!(queue.pop_first(), Some((a, 'a')));
        assert_eq!(queue.leave(c), Some('c'));
        assert!(queue.leave(c).is_none() && queue.get_mut(a).is_none());
        assert_eq!(queue.behind(b).collect::<Vec<_>>(), [&'d']);
        queue.rejoin(a, 'A');
        assert_eq!(queue.first(), Some((a, &'A')));
        assert_eq!(queue.pop_first_if(|first| *first == 'b'), None);
        assert_eq!(queue.leave_if(|_, waiter| *waiter != 'b').collect::<Vec<_>>(), [(a, 'A'), (d, 'd')]);
        assert_eq!(queue.pop_first_if(|first| *first == 'b'), Some((b, 'b')));
        assert!(queue.is_empty() && queue.join('e') > d, "no ticket comes twice");
    }
}
