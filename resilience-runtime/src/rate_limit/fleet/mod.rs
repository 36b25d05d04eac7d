//! A limit of the fleet: permits are drawn from its store in small batches, and handed out here.

mod outage;
mod share;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use resilience_policy::rate_limit::Fail;

use super::gcra::Rate;
use crate::background;
use crate::event::{Decision, Event, Fleet, emit};
use crate::quota::{Draw, Drawn, Quotas};
use crate::time::Tick;
use outage::News;
pub(super) use share::{Answer, Verdict};
use share::{Ask, PATIENCE, Share};

/// What this process has of a limit.
pub(super) struct Pot {
    /// In events.
    name: &'static str,
    limit: [u8; 32],
    rate: Rate,
    store: Arc<dyn Quotas>,
    share: Mutex<Share>,
}

/// A call in the line. Dropped, it leaves what it was given in the pot.
pub(super) struct Ticket {
    pot: Arc<Pot>,
    number: u64,
}

impl Pot {
    pub(super) fn new(
        name: &'static str,
        limit: [u8; 32],
        rate: Rate,
        fail: Fail,
        store: Arc<dyn Quotas>,
    ) -> Self {
        Self { name, limit, rate, store, share: Mutex::new(Share::new(rate, fail, fastrand::Rng::new())) }
    }

    /// A call comes. It hears at once what becomes of it, or gets a ticket.
    pub(super) fn come(
        self: &Arc<Self>,
        weight: u32,
        latest: Tick,
        waker: &Waker,
    ) -> Result<Ticket, Verdict> {
        let now = Tick::now();
        let (came, ask) = self.with(|share| (share.come(weight, latest, now, waker), share.ask(now)));
        if let Some(ask) = ask {
            self.draw(ask);
        }
        came.map(|number| Ticket { pot: Arc::clone(self), number })
    }

    /// Nothing of it is of use any more.
    pub(super) fn is_idle(&self) -> bool {
        self.with(|share| share.is_idle(Tick::now()))
    }

    pub(super) fn waiting(&self) -> usize {
        self.with(|share| share.waiting())
    }

    /// Looks at the share, and tells what comes of it when nobody holds the lock: a waker is a task's, which may wait
    /// here.
    fn with<R>(&self, look: impl FnOnce(&mut Share) -> R) -> R {
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        let result = look(&mut share);
        let told = share.tell();
        drop(share);
        drop(told.dropped);
        told.woken.into_iter().for_each(Waker::wake);
        let tell = |count| emit(&Event { site: self.name, decision: Decision::Fleet(count) });
        match told.news {
            Some(News::Began { passing, why }) => tell(Fleet::Down { passing, why: &why }),
            Some(News::Ended { passed, calls }) => tell(Fleet::Back { passed, calls }),
            None => {}
        }
        result
    }

    /// Sends a draw. What it brings is for all: so nobody's future and nobody's tokio runtime drives it, unless the store
    /// answers at once, as a count in memory does.
    fn draw(self: &Arc<Self>, ask: Ask) {
        let pot = Arc::clone(self);
        let mut draw: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            let on_its_way = OnItsWay { pot: &pot, number: ask.number };
            let answer = match pot.store.draw(pot.draw_of(ask)).at_once() {
                Ok(drawn) => Ok(drawn),
                Err(later) => {
                    // From here on it is a task. A timer that was set before would hang on the runtime of the caller.
                    tokio::task::yield_now().await;
                    match tokio::time::timeout(PATIENCE, later).await {
                        Ok(answer) => answer.map_err(|error| error.to_string()),
                        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
                    }
                }
            };
            on_its_way.arrives(answer);
        });
        if draw.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            drop(background::spawn(draw));
        }
    }

    fn draw_of(&self, Ask { least, wanted, .. }: Ask) -> Draw {
        let Rate { interval, burst } = self.rate;
        Draw { limit: self.limit, interval: Duration::from_nanos(interval), burst, least, wanted }
    }
}

impl Ticket {
    /// Looks again, and asks the store if it is time to.
    pub(super) fn look(&self, waker: &Waker) -> Answer {
        loop {
            let now = Tick::now();
            let look = |share: &mut Share| match share.look(self.number, now, waker) {
                Answer::Waits(at) => (Answer::Waits(at), share.ask(now)),
                decided @ Answer::Decided(_) => (decided, None),
            };
            match self.pot.with(look) {
                (Answer::Waits(_), Some(ask)) => self.pot.draw(ask),
                (answer, _) => return answer,
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.pot.with(|share| share.leave(self.number, Tick::now()));
    }
}

/// A draw on its way. It may never arrive: its store panics, or, in a test with paused time, the runtime ends.
struct OnItsWay<'a> {
    pot: &'a Pot,
    number: u64,
}

impl OnItsWay<'_> {
    fn arrives(self, answer: Result<Drawn, String>) {
        self.pot.with(|share| share.answer(self.number, answer, Tick::now()));
    }
}

impl Drop for OnItsWay<'_> {
    /// After an answer there is nothing left to say.
    fn drop(&mut self) {
        let lost = || Err("the draw was dropped on its way".to_owned());
        self.pot.with(|share| share.answer(self.number, lost(), Tick::now()));
    }
}
