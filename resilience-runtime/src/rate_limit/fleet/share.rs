//! What this process has drawn of a fleet's limit, and the line of those who ask for it: (state, event, now) to decision.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use fastrand::Rng;
use resilience_policy::rate_limit::Fail;

use super::outage::{News, Outage};
use crate::quota::Drawn;
use crate::rate_limit::gcra::Rate;
use crate::time::Tick;

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
    /// The store is not asked before. By then it should have `promised` permits.
    not_before: Tick,
    promised: u32,
    outage: Option<Outage>,
    /// Those who wait, in the order in which they came.
    line: VecDeque<Waiting>,
    tickets: u64,
    /// Those who have waited, and do not know it yet.
    decided: HashMap<u64, Decided>,
    told: Told,
    random: Rng,
}

/// What has to be told, once nobody holds the lock.
#[derive(Default)]
pub(super) struct Told {
    pub(super) woken: Vec<Waker>,
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
    ticket: u64,
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
        let long_ago = Tick::of(0);
        Self {
            rate,
            fail,
            permits: 0,
            fresh_until: long_ago,
            batch: 1,
            asked: None,
            draws: 0,
            not_before: long_ago,
            promised: 0,
            outage: None,
            line: VecDeque::new(),
            tickets: 0,
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
        if self.outage.is_some() && (self.passes() || self.asked.is_some() || now < self.not_before) {
            return Err(self.uncounted(1));
        }
        let due = self.due(self.owed().saturating_add(weight));
        if self.asked.is_none() && due > now.max(latest) {
            return Err(Verdict::TooLong(due));
        }
        let ticket = self.tickets;
        self.tickets += 1;
        self.line.push_back(Waiting { ticket, weight, latest, due, waker: waker.clone() });
        Ok(ticket)
    }

    /// One who waits looks again.
    pub(super) fn look(&mut self, ticket: u64, now: Tick, waker: &Waker) -> Answer {
        self.expire(now);
        if let Some(decided) = self.decided.remove(&ticket) {
            return Answer::Decided(decided.verdict);
        }
        let Some(at) = self.position(ticket) else { return Answer::Decided(Verdict::Passes) };
        let waiting = &mut self.line[at];
        if !waiting.waker.will_wake(waker) {
            let old = std::mem::replace(&mut waiting.waker, waker.clone());
            self.told.woken.push(old);
        }
        Answer::Waits(match &self.asked {
            Some(asked) => asked.at.after(PATIENCE),
            // Others may have left in front of it.
            None if at == 0 => self.due(self.line[0].weight.saturating_sub(self.permits)),
            None => self.line[at].due,
        })
    }

    /// One with a ticket goes away. What it was given stays here.
    pub(super) fn leave(&mut self, ticket: u64, now: Tick) {
        if let Some(gone) = self.decided.remove(&ticket) {
            if gone.permits > 0 && now <= gone.fresh_until {
                self.expire(now);
                self.add(gone.permits, gone.fresh_until);
                self.serve(now);
            }
        } else if let Some(gone) = self.position(ticket).and_then(|at| self.line.remove(at)) {
            self.told.woken.push(gone.waker);
            self.wake_the_first();
        }
    }

    /// What the store is to be asked now, if anything: one draw at a time.
    pub(super) fn ask(&mut self, now: Tick) -> Option<Ask> {
        let probes = self.outage.is_some() && self.passes();
        let first = self.line.front().map(|first| first.weight.saturating_sub(self.permits).max(1));
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
        self.line.iter().fold(0, |sum, waiting| sum.saturating_add(waiting.weight))
    }

    /// When the store should have so many.
    fn due(&self, permits: u32) -> Tick {
        let more = permits.saturating_sub(self.promised);
        if self.promised == 0 {
            return self.not_before;
        }
        self.not_before.after(Duration::from_nanos(self.rate.time_of(more)))
    }

    /// The store has not what was wanted, but `permits` after `wait`. The pause is scattered: of processes in step, the
    /// first would find all that has come back, and the others nothing.
    fn rest(&mut self, wait: Duration, permits: u32, now: Tick) {
        let full = Duration::from_nanos(self.rate.time_of(self.rate.burst));
        let pause = wait.max(PACE.min(full / 4).mul_f64(0.5 + self.random.f64()));
        let more = pause.saturating_sub(wait).as_nanos() / u128::from(self.rate.interval.max(1));
        self.promised = permits.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
        self.not_before = now.after(pause);
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

    /// Gives what is here to those in front, and tells those who do not wait so long.
    fn serve(&mut self, now: Tick) {
        while let Some(first) = self.line.pop_front_if(|first| first.weight <= self.permits) {
            self.permits -= first.weight;
            let decided =
                Decided { verdict: Verdict::Passes, permits: first.weight, fresh_until: self.fresh_until };
            self.decide(first, decided);
        }
        let mut owed = 0_u32;
        for mut waiting in std::mem::take(&mut self.line) {
            let wanted = owed.saturating_add(waiting.weight);
            waiting.due = self.due(wanted.saturating_sub(self.permits));
            if self.asked.is_none() && waiting.due > now.max(waiting.latest) {
                let decided =
                    Decided { verdict: Verdict::TooLong(waiting.due), permits: 0, fresh_until: now };
                self.decide(waiting, decided);
            } else {
                owed = wanted;
                self.line.push_back(waiting);
            }
        }
        self.wake_the_first();
    }

    fn decide(&mut self, waiting: Waiting, decided: Decided) {
        self.decided.insert(waiting.ticket, decided);
        self.told.woken.push(waiting.waker);
    }

    /// It looks when the store can be asked again. Those behind look later, in case that it does not.
    fn wake_the_first(&mut self) {
        self.told.woken.extend(self.line.front().map(|first| first.waker.clone()));
    }

    /// The store cannot be asked: all who wait for it hear so, and who comes in the next moments does not ask.
    fn fail(&mut self, why: &str, now: Tick) {
        let why: Arc<str> = why.into();
        let passing = self.passes();
        let outage = self.outage.get_or_insert_with(|| {
            self.told.news = Some(News::Began { passing, why: Arc::clone(&why) });
            Outage::new()
        });
        (self.not_before, self.promised) = (now.after(outage.failed(why)), 0);
        for waiting in std::mem::take(&mut self.line) {
            let verdict = self.uncounted(1);
            self.decide(waiting, Decided { verdict, permits: 0, fresh_until: now });
        }
    }

    fn recover(&mut self) {
        self.promised = 0;
        self.not_before = Tick::of(0);
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
                if passes { Verdict::Passes } else { Verdict::Down(self.not_before, Arc::clone(&outage.why)) }
            }
            None => Verdict::Passes,
        }
    }

    fn position(&self, ticket: u64) -> Option<usize> {
        self.line.binary_search_by_key(&ticket, |waiting| waiting.ticket).ok()
    }
}

#[cfg(test)]
mod tests;
