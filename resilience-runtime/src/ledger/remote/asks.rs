//! Claims on their way. Those of one key and the same values share the answer of the first.

use std::collections::hash_map::Entry;

use tokio::sync::oneshot;

use super::store::Answer;
use crate::key::IdempotencyKey;
use crate::ledger::key_map::KeyMap;
use crate::ledger::shards::Shards;
use crate::ledger::{Claimed, Request};

pub(super) struct Asks(Shards<KeyMap<Ask>>);

/// A claim that has no answer yet.
struct Ask {
    fingerprint: Option<[u8; 32]>,
    /// Who else wants to know it.
    sharing: Vec<oneshot::Sender<Answer<Claimed>>>,
}

/// What becomes of a caller.
enum Turn<'a> {
    /// He asks, for all who come meanwhile.
    First(Asking<'a>),
    Shares(oneshot::Receiver<Answer<Claimed>>),
    /// The claim on its way has other values: he asks beside it.
    Alone,
}

impl Asks {
    pub(super) fn new() -> Self {
        Self(Shards::new(Shards::<()>::USUAL))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|asks| asks.is_empty())
    }

    /// The answer to `claim`, or to one that is on its way already. When its caller goes away, the next one asks.
    pub(super) async fn share(
        &self,
        request: &Request<'_>,
        claim: impl Future<Output = Answer<Claimed>>,
    ) -> Answer<Claimed> {
        loop {
            match self.turn(request) {
                Turn::First(mut asking) => {
                    let answer = claim.await;
                    asking.answer = Some(answer.clone());
                    return answer;
                }
                Turn::Alone => return claim.await,
                Turn::Shares(told) => match told.await {
                    // It was granted to the one who asked.
                    Ok(Ok(Claimed::Granted { fence })) => {
                        return Ok(Claimed::Running { fence, left: request.lease });
                    }
                    Ok(answer) => return answer,
                    Err(_) => {}
                },
            }
        }
    }

    fn turn(&self, request: &Request<'_>) -> Turn<'_> {
        match self.0.of(request.key).entry(request.key) {
            Entry::Vacant(place) => {
                place.insert(Ask { fingerprint: request.fingerprint, sharing: Vec::new() });
                Turn::First(Asking { asks: self, key: request.key, answer: None })
            }
            Entry::Occupied(mut ask) if ask.get().fingerprint == request.fingerprint => {
                let (sender, told) = oneshot::channel();
                ask.get_mut().sharing.push(sender);
                Turn::Shares(told)
            }
            Entry::Occupied(_) => Turn::Alone,
        }
    }
}

/// The one who asks. Gone without an answer, those who share it are told nothing, and ask themselves.
struct Asking<'a> {
    asks: &'a Asks,
    key: IdempotencyKey,
    answer: Option<Answer<Claimed>>,
}

impl Drop for Asking<'_> {
    /// Who comes after the answer asks anew.
    fn drop(&mut self) {
        let ask = self.asks.0.of(self.key).remove(&self.key);
        if let (Some(ask), Some(answer)) = (ask, &self.answer) {
            for sharing in ask.sharing {
                let _ = sharing.send(answer.clone()); // he may have left
            }
        }
    }
}
