//! What the attempts of a call have picked, until somebody says what they came to.
//!
//! The picks belong to the call whose retry or hedge settles them. They are in place while it is polled, so that a pick
//! in a call further inside finds them, and stays when that call is cut.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Weak};

use super::path::Path;
use super::set::{Member, Set};
use crate::circuit_breaker::Permit;
use crate::failure::Verdict;

thread_local! {
    static CURRENT: RefCell<Current> = const {
        RefCell::new(Current { settlers: 0, path: Path::CALL, picks: ManuallyDrop::new(Picks::NONE) })
    };
}

/// What is in place in this thread.
struct Current {
    /// How many calls that settle what is picked in them are polled now, one inside the other.
    settlers: u32,
    /// The attempt that is polled.
    path: Path,
    /// The picks of the innermost of those calls. When a thread ends there are none; and what needs no drop is found
    /// faster.
    picks: ManuallyDrop<Picks>,
}

/// The picks of a call, one record for each set. Dropped they were cancelled; by a panic they have failed.
pub(crate) struct Picks(Option<Box<Record>>);

/// What a call has to do with one set. It goes back there, so that another call needs no heap for it.
pub(super) struct Record {
    home: Weak<Set>,
    /// The members that the call has tried.
    pub(super) tried: u64,
    open: Vec<Pick>,
    next: Picks,
}

/// A pick whose attempt has not ended.
struct Pick {
    path: Path,
    permit: Permit<Member>,
    /// What the error of its attempt means, as far as a stack has asked.
    noted: Verdict,
}

impl Picks {
    pub(crate) const NONE: Self = Self(None);

    /// Adds a record.
    pub(super) fn push(&mut self, mut record: Box<Record>) {
        record.next = std::mem::replace(self, Self::NONE);
        self.0 = Some(record);
    }

    /// Takes the latest record out.
    pub(super) fn pop(&mut self) -> Option<Box<Record>> {
        let mut record = self.0.take()?;
        *self = std::mem::replace(&mut record.next, Self::NONE);
        Some(record)
    }

    /// Takes the record of this set out.
    fn remove(&mut self, set: &Arc<Set>) -> Option<Box<Record>> {
        let mut at = self;
        while !at.0.as_ref()?.is_of(set) {
            at = &mut at.0.as_mut()?.next;
        }
        at.pop()
    }

    /// Ends the picks of an attempt, and of those within it.
    fn end(&mut self, attempt: Path, end: impl Fn(Pick)) {
        let mut at = self;
        while let Some(record) = &mut at.0 {
            record.open.extract_if(.., |pick| attempt.holds(pick.path)).for_each(&end);
            at = &mut record.next;
        }
    }
}

impl Drop for Picks {
    #[inline]
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Picks {
    /// Most calls have picked nothing.
    #[inline]
    pub(crate) fn let_go(&mut self) {
        if self.0.is_some() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        // One after the other: a long list must not need a deep stack.
        while let Some(mut record) = self.pop() {
            record.open.clear();
            record.tried = 0;
            if let Some(set) = record.home.upgrade() {
                set.keep(record);
            }
        }
    }
}

impl Record {
    pub(super) fn new(set: &Arc<Set>) -> Self {
        Self { home: Arc::downgrade(set), tried: 0, open: Vec::new(), next: Picks::NONE }
    }

    fn is_of(&self, set: &Arc<Set>) -> bool {
        std::ptr::eq(self.home.as_ptr(), Arc::as_ptr(set))
    }

    /// An attempt picks: what it has picked before is cancelled.
    pub(super) fn pick(
        &mut self,
        attempt: Path,
        choose: impl FnOnce(u64) -> Result<(usize, Permit<Member>), crate::Error>,
    ) -> Result<usize, crate::Error> {
        self.open.retain(|pick| pick.path != attempt);
        let (member, permit) = choose(self.tried)?;
        self.tried |= 1 << member;
        self.open.push(Pick { path: attempt, permit, noted: Verdict::Transient });
        Ok(member)
    }
}

/// Does something with what the call has to do with a set, and with the attempt that runs now. `None` where nobody would
/// settle a pick.
///
/// (Here and below nothing is borrowed meanwhile: what a breaker decides is told to a subscriber, which may do anything.)
pub(super) fn with_record<R>(set: &Arc<Set>, work: impl FnOnce(&mut Record, Path) -> R) -> Option<R> {
    let (attempt, known) = CURRENT.with_borrow_mut(|current| {
        (current.settlers > 0).then(|| (current.path, current.picks.remove(set)))
    })?;
    let mut record = known.or_else(|| set.spare()).unwrap_or_else(|| Box::new(Record::new(set)));
    let result = work(&mut record, attempt);
    CURRENT.with_borrow_mut(|current| current.picks.push(record));
    Some(result)
}

/// Puts the picks of a call that settles them in place, and those of the surroundings in theirs.
pub(crate) fn enter(picks: &mut Picks) {
    CURRENT.with_borrow_mut(|current| {
        current.settlers += 1;
        std::mem::swap(&mut *current.picks, picks);
    });
}

/// Undoes [`enter`].
pub(crate) fn leave(picks: &mut Picks) {
    CURRENT.with_borrow_mut(|current| {
        current.settlers -= 1;
        std::mem::swap(&mut *current.picks, picks);
    });
}

/// The attempt that is polled now.
pub(crate) fn path() -> Path {
    CURRENT.with_borrow(|current| current.path)
}

/// Another attempt is polled.
pub(crate) fn exchange_path(path: &mut Path) {
    CURRENT.with_borrow_mut(|current| std::mem::swap(&mut current.path, path));
}

/// The attempt that is polled now has ended, and this is how it counts.
pub(crate) fn settle(verdict: Verdict) {
    end(None, |mut pick| pick.permit.settle(verdict));
}

/// A branch has succeeded.
pub(crate) fn succeeded(branch: Path) {
    end(Some(branch), |mut pick| pick.permit.settle(Verdict::Success));
}

/// A branch has failed: by the rejection of a policy in it, or as was noted.
pub(crate) fn failed(branch: Path, rejection: Option<Verdict>) {
    end(Some(branch), |mut pick| pick.permit.settle(rejection.unwrap_or(pick.noted)));
}

/// A branch was given up.
pub(crate) fn cancelled(branch: Path) {
    end(Some(branch), drop);
}

/// The body of the attempt that is polled now has given an error. What a stack further out says of it counts.
pub(crate) fn note(verdict: Verdict) {
    CURRENT.with_borrow_mut(|current| {
        let path = current.path;
        let mut at = &mut *current.picks;
        while let Some(record) = &mut at.0 {
            record.open.iter_mut().filter(|pick| path.holds(pick.path)).for_each(|pick| pick.noted = verdict);
            at = &mut record.next;
        }
    });
}

/// Without a branch it is the attempt that is polled now.
fn end(branch: Option<Path>, end: impl Fn(Pick)) {
    let picked = CURRENT.with_borrow_mut(|current| {
        let is_some = current.picks.0.is_some();
        is_some.then(|| (current.path, std::mem::replace(&mut *current.picks, Picks::NONE)))
    });
    if let Some((now, mut picks)) = picked {
        picks.end(branch.unwrap_or(now), end);
        CURRENT.with_borrow_mut(|current| std::mem::swap(&mut *current.picks, &mut picks));
    }
}
