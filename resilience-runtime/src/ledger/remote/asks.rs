//! Claims on their way. Those of one key and the same values share the answer of the first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::BuildHasherDefault;

use tokio::sync::oneshot;

use super::store::Answer;
use crate::key::IdempotencyKey;
use crate::ledger::key_map::FirstBytes;
use crate::ledger::shards::Shards;
use crate::ledger::{Claimed, Request};

/// A key, and the values that go with it.
type Operation = (IdempotencyKey, Option<[u8; 32]>);
/// Who else wants to know the answer to a claim: for most claims nobody.
type Sharing = Vec<oneshot::Sender<Answer<Claimed>>>;

#[derive(Default)]
pub(super) struct Asks(Shards<HashMap<Operation, Sharing, BuildHasherDefault<FirstBytes>>>);

/// What becomes of a caller.
enum Turn<'a> {
    /// He asks, for all who come meanwhile.
    First(Asking<'a>),
    Shares(oneshot::Receiver<Answer<Claimed>>),
}

impl Asks {
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
                    asking.tell(&answer);
                    return answer;
                }
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
        let operation = (request.key, request.fingerprint);
        match self.0.of(request.key).entry(operation) {
            Entry::Vacant(place) => {
                place.insert(Vec::new());
                Turn::First(Asking { asks: self, operation, told: false })
            }
            Entry::Occupied(mut sharing) => {
                let (sender, told) = oneshot::channel();
                sharing.get_mut().push(sender);
                Turn::Shares(told)
            }
        }
    }
}

/// The one who asks. Gone without a word, those who share the answer are told nothing, and ask themselves.
struct Asking<'a> {
    asks: &'a Asks,
    operation: Operation,
    told: bool,
}

impl Asking<'_> {
    /// Who comes from here on asks anew.
    fn tell(&mut self, answer: &Answer<Claimed>) {
        self.told = true;
        for sharing in self.end() {
            let _ = sharing.send(answer.clone()); // he may have left
        }
    }

    fn end(&self) -> Sharing {
        self.asks.0.of(self.operation.0).remove(&self.operation).unwrap_or_default()
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.told {
            drop(self.end());
        }
    }
}
