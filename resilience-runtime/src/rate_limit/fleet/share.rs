//! What this process has drawn of a fleet's limit, and the line of those who ask for it: (state, event, now) to decision.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use fastrand::Rng;
use resilience_policy::rate_limit::Fail;

use super::outage::{News, Outage};
use crate::quota::Drawn;
use crate::rate_limit::gcra::Rate;
use crate::time::Tick;
use crate::wait_queue::WaitQueue;

/// Permits that were drawn are used for so long, or for as long as one takes to come back.
const FRESH: Duration = Duration::from_millis(100);
/// A store that has not all that was wanted is not asked again for so long, as far as its bucket does not overflow.
const PACE: Duration = Duration::from_millis(50);
/// A draw without an answer has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Share {
    rate: Rate,
    fail: Fail,
    /// Drawn, and not used yet.
    permits: u32,
    fresh_until: Tick,
    /// How many are drawn if nobody waits for more.
    batch: u32,
    asked: Option<Asked>,
    draws: u64,
    promise: Promise,
    outage: Option<Outage>,
    /// Those who wait, in the order in which they came.
    line: WaitQueue<Waiting>,
    /// What all of them want.
    owed: u64,
    /// Those who have waited, and do not know it yet.
    decided: HashMap<u64, Decided>,
    told: Told,
    random: Rng,
}

/// The store is not asked before `at`. By then it should have so many permits.
#[derive(Clone, Copy)]
struct Promise {
    at: Tick,
    permits: u32,
}

impl Promise {
    /// Nothing is known against asking at once.
    const NONE: Self = Self { at: Tick::of(0), permits: 0 };

    /// When the store should have so many.
    fn due(self, permits: u32, rate: Rate) -> Tick {
        if self.permits == 0 {
            return self.at;
        }
        self.at.after(Duration::from_nanos(rate.time_of(permits.saturating_sub(self.permits))))
    }
}

/// What has to be told, once nobody holds the lock.
#[derive(Default)]
pub(super) struct Told {
    pub(super) woken: Vec<Waker>,
    /// Of those who have left, or wait under another one now.
    pub(super) dropped: Vec<Waker>,
    pub(super) news: Option<News>,
}

/// A draw on its way.
struct Asked {
    number: u64,
    at: Tick,
    wanted: u32,
    least: u32,
}

/// A draw to be sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ask {
    pub(super) number: u64,
    pub(super) least: u32,
    pub(super) wanted: u32,
}

struct Waiting {
    weight: u32,
    /// The latest moment that it would wait for.
    latest: Tick,
    /// When the store should have its permits.
    due: Tick,
    waker: Waker,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::rate_limit) enum Verdict {
    Passes,
    /// There are no permits for it before this moment, and it does not wait for so long.
    TooLong(Tick),
    /// The store cannot be asked, and is not before this moment.
    Down(Tick, Arc<str>),
}

struct Decided {
    verdict: Verdict,
    /// What goes back if the caller never hears of it, and up to when it is of use.
    permits: u32,
    fresh_until: Tick,
}

/// The answer to a call that comes, or looks again.
#[derive(Debug, PartialEq)]
pub(in crate::rate_limit) enum Answer {
    Decided(Verdict),
    /// It waits, and looks again at this moment.
    Waits(Tick),
}

impl Share {
    pub(super) fn new(rate: Rate, fail: Fail, random: Rng) -> Self {
        Self {
            rate,
            fail,
            permits: 0,
            fresh_until: Tick::of(0),
            batch: 1,
            asked: None,
            draws: 0,
            promise: Promise::NONE,
            outage: None,
            line: WaitQueue::new(),
            owed: 0,
            decided: HashMap::new(),
            told: Told::default(),
            random,
        }
    }

    /// A call comes. It passes, or hears why not, or waits under a ticket for the answer of the store; if there is none
    /// for it now, up to `latest`.
    pub(super) fn come(
        &mut self,
        weight: u32,
        latest: Tick,
        now: Tick,
        waker: &Waker,
    ) -> Result<u64, Verdict> {
        self.expire(now);
        if self.line.is_empty() && self.permits >= weight {
            self.permits -= weight;
            return Err(Verdict::Passes);
        }
        if self.outage.is_some() && (self.passes() || self.asked.is_some() || now < self.promise.at) {
            return Err(self.uncounted(1));
        }
        let due = self.due(self.owed().saturating_add(weight));
        let soonest = self.soonest(weight).unwrap_or(due);
        if soonest > now.max(latest) {
            return Err(Verdict::TooLong(soonest));
        }
        self.owed += u64::from(weight);
        Ok(self.line.join(Waiting { weight, latest, due, waker: waker.clone() }))
    }

    /// One who waits looks again.
    pub(super) fn look(&mut self, ticket: u64, now: Tick, waker: &Waker) -> Answer {
        self.expire(now);
        if let Some(decided) = self.decided.remove(&ticket) {
            return Answer::Decided(decided.verdict);
        }
        let is_first = self.line.first().is_some_and(|(first, _)| first == ticket);
        let Some(waiting) = self.line.get_mut(ticket) else { return Answer::Decided(Verdict::Passes) };
        if !waiting.waker.will_wake(waker) {
            self.told.dropped.push(std::mem::replace(&mut waiting.waker, waker.clone()));
        }
        let Waiting { weight, due, .. } = *waiting;
        Answer::Waits(match &self.asked {
            Some(asked) => asked.at.after(PATIENCE),
            // Others may have left in front of it.
            None if is_first => self.due(weight.saturating_sub(self.permits)),
            None => due,
        })
    }

    /// One with a ticket goes away. What it was given stays here.
    pub(super) fn leave(&mut self, ticket: u64, now: Tick) {
        if let Some(gone) = self.decided.remove(&ticket) {
            if gone.permits > 0 && now <= gone.fresh_until {
                self.expire(now);
                self.add(gone.permits, gone.fresh_until);
                self.hand_out();
                self.wake_the_first();
            }
            return;
        }
        let first = self.line.first().map(|(first, _)| first);
        let Some(gone) = self.line.leave(ticket) else { return };
        self.owed -= u64::from(gone.weight);
        self.told.dropped.push(gone.waker);
        if first == Some(ticket) {
            self.wake_the_first();
        }
    }

    /// What the store is to be asked now, if anything: one draw at a time.
    pub(super) fn ask(&mut self, now: Tick) -> Option<Ask> {
        let probes = self.outage.is_some() && self.passes();
        let first = self.line.first().map(|(_, first)| first.weight.saturating_sub(self.permits).max(1));
        let least = first.or(probes.then_some(1))?;
        if self.asked.is_some() || now < self.due(least) {
            return None;
        }
        // It ran dry while what it had was still good: more next time.
        if self.draws > 0 && now <= self.fresh_until && self.permits == 0 {
            self.batch = self.batch.saturating_mul(2).min(self.largest_batch());
        }
        let wanted = self.owed().saturating_sub(self.permits).max(self.batch).max(least);
        let wanted = if probes { 1 } else { wanted.min(self.rate.burst) };
        self.draws += 1;
        self.asked = Some(Asked { number: self.draws, at: now, wanted, least });
        Some(Ask { number: self.draws, least, wanted })
    }

    /// The store has answered a draw. One that was given up is of no use any more.
    pub(super) fn answer(&mut self, number: u64, answer: Result<Drawn, String>, now: Tick) {
        let Some(asked) = self.asked.take_if(|asked| asked.number == number) else { return };
        let drawn = match answer {
            Ok(drawn) => drawn,
            Err(why) => return self.fail(&why, now),
        };
        self.recover();
        self.expire(now);
        match drawn {
            Drawn::Granted(permits) => {
                let permits = permits.min(asked.wanted);
                self.add(permits, asked.at.after(self.fresh()));
                if permits < asked.wanted {
                    self.batch = self.batch.min(permits.saturating_mul(2)).max(1);
                    self.rest(Duration::from_nanos(self.rate.interval), 1, now);
                }
            }
            Drawn::NoneFor(wait) => {
                self.batch = (self.batch / 2).max(1);
                self.rest(wait, asked.least, now);
            }
        }
        self.serve(now);
    }

    /// Nobody waits, and what is here is of no use any more.
    pub(super) fn is_idle(&self, now: Tick) -> bool {
        let is_spent = self.permits == 0 || now > self.fresh_until;
        is_spent
            && self.line.is_empty()
            && self.decided.is_empty()
            && self.asked.is_none()
            && self.outage.is_none()
    }

    pub(super) fn waiting(&self) -> usize {
        self.line.len()
    }

    pub(super) fn tell(&mut self) -> Told {
        std::mem::take(&mut self.told)
    }

    fn passes(&self) -> bool {
        self.fail == Fail::Open
    }

    fn fresh(&self) -> Duration {
        FRESH.max(Duration::from_nanos(self.rate.interval))
    }

    /// What comes back while it is fresh, or a twentieth of the burst.
    fn largest_batch(&self) -> u32 {
        let back = FRESH.as_nanos() / u128::from(self.rate.interval.max(1));
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        back.max(self.rate.burst / 20).clamp(1, self.rate.burst)
    }

    /// What those in the line want.
    fn owed(&self) -> u32 {
        u32::try_from(self.owed).unwrap_or(u32::MAX)
    }

    /// While a draw is on its way: the soonest moment that another call of this weight can be served, behind those in the
    /// line. Since the draw was sent, the store gives no more than a burst and what comes back, however soon it answers. So
    /// the line does not grow beyond what those in it can wait for.
    fn soonest(&self, weight: u32) -> Option<Tick> {
        let asked = self.asked.as_ref()?;
        let there = self.permits.saturating_add(self.rate.burst);
        let more = self.owed().saturating_add(weight).saturating_sub(there);
        Some(asked.at.after(Duration::from_nanos(self.rate.time_of(more))))
    }

    /// When the store should have so many.
    fn due(&self, permits: u32) -> Tick {
        self.promise.due(permits, self.rate)
    }

    /// The store has not what was wanted, but `permits` after `wait`. The pause is scattered: of processes in step, the
    /// first would find all that has come back, and the others nothing.
    fn rest(&mut self, wait: Duration, permits: u32, now: Tick) {
        let full = Duration::from_nanos(self.rate.time_of(self.rate.burst));
        let pause = wait.max(PACE.min(full / 4).mul_f64(0.5 + self.random.f64()));
        let more = pause.saturating_sub(wait).as_nanos() / u128::from(self.rate.interval.max(1));
        let permits = permits.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self.promise = Promise { at: now.after(pause), permits };
    }

    fn add(&mut self, permits: u32, fresh_until: Tick) {
        let same = self.permits > 0;
        self.fresh_until = if same { self.fresh_until.min(fresh_until) } else { fresh_until };
        self.permits = self.permits.saturating_add(permits);
    }

    /// What has been here for too long is forgotten, and so is a draw without an answer.
    fn expire(&mut self, now: Tick) {
        if self.permits > 0 && now > self.fresh_until {
            self.batch = self.batch.saturating_sub(self.permits).max(1);
            self.permits = 0;
        }
        if self.asked.as_ref().is_some_and(|asked| now >= asked.at.after(PATIENCE)) {
            self.asked = None;
            self.fail(&format!("no answer within {PATIENCE:?}"), now);
        }
    }

    /// The store has answered: what is here goes to those in front, and those who do not wait so long are told.
    fn serve(&mut self, now: Tick) {
        self.hand_out();
        let (promise, rate, permits, mut owed) = (self.promise, self.rate, self.permits, 0_u32);
        let does_not_wait = |_: &u64, waiting: &mut Waiting| {
            let wanted = owed.saturating_add(waiting.weight);
            waiting.due = promise.due(wanted.saturating_sub(permits), rate);
            let is_late = waiting.due > now.max(waiting.latest);
            if !is_late {
                owed = wanted;
            }
            is_late
        };
        let late: Vec<_> = self.line.leave_if(does_not_wait).collect();
        for (ticket, waiting) in late {
            let decided = Decided { verdict: Verdict::TooLong(waiting.due), permits: 0, fresh_until: now };
            self.decide(ticket, waiting, decided);
        }
        self.wake_the_first();
    }

    /// Gives what is here to those in front.
    fn hand_out(&mut self) {
        while let Some((ticket, first)) = self.line.pop_first_if(|first| first.weight <= self.permits) {
            self.permits -= first.weight;
            let decided =
                Decided { verdict: Verdict::Passes, permits: first.weight, fresh_until: self.fresh_until };
            self.decide(ticket, first, decided);
        }
    }

    fn decide(&mut self, ticket: u64, waiting: Waiting, decided: Decided) {
        self.owed -= u64::from(waiting.weight);
        self.decided.insert(ticket, decided);
        self.told.woken.push(waiting.waker);
    }

    /// It looks when the store can be asked again. Those behind look later, in case that it does not.
    fn wake_the_first(&mut self) {
        self.told.woken.extend(self.line.first().map(|(_, first)| first.waker.clone()));
    }

    /// The store cannot be asked: all who wait for it hear so, and who comes in the next moments does not ask.
    fn fail(&mut self, why: &str, now: Tick) {
        let why: Arc<str> = why.into();
        let passing = self.passes();
        let outage = self.outage.get_or_insert_with(|| {
            self.told.news = Some(News::Began { passing, why: Arc::clone(&why) });
            Outage::new()
        });
        self.promise = Promise { at: now.after(outage.failed(why, &mut self.random)), permits: 0 };
        while let Some((ticket, waiting)) = self.line.pop_first() {
            let verdict = self.uncounted(1);
            self.decide(ticket, waiting, Decided { verdict, permits: 0, fresh_until: now });
        }
    }

    fn recover(&mut self) {
        self.promise = Promise::NONE;
        if let Some(outage) = self.outage.take() {
            self.told.news = Some(News::Ended { passed: self.passes(), calls: outage.calls });
        }
    }

    /// The verdict on a call that the store cannot be asked about.
    fn uncounted(&mut self, calls: u64) -> Verdict {
        let passes = self.passes();
        match &mut self.outage {
            Some(outage) => {
                outage.calls += calls;
                if passes { Verdict::Passes } else { Verdict::Down(self.promise.at, Arc::clone(&outage.why)) }
            }
            None => Verdict::Passes,
        }
    }
}

#[cfg(test)]
mod tests;
