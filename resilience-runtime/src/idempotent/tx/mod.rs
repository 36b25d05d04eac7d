//! The result of an operation in the transaction of its effect: commit makes both true, a rollback neither.

mod client;
mod fault;
mod found;
mod statements;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use client::Transaction;
use client::{Rows, Script};
use fault::Fault;
use found::Found;
use statements::Statements;

use super::codec::Codec;
use super::{Entry, Names, SiteLedger};
use crate::context::{self, Operation};
use crate::edge::{Edge, Outcome, Returns, Stop};
use crate::event::reject;
use crate::key::IdempotencyKey;
use crate::ledger::{Body, Claimed, Request, Stored as Record, new_owner};
use crate::{Class, Kind, time};

/// What a type of transactions can do. It carries the bound, so that a missing one is reported once.
pub struct InTx<T> {
    script: for<'a> fn(&'a mut T, String) -> Rows<'a>,
}

/// That of this transaction.
pub fn transaction<T: Transaction>(_: &mut T) -> InTx<T> {
    InTx { script: <T as Script>::script }
}

impl<T> InTx<T> {
    /// Takes back what a call has done, as far as it can. One that cannot is for whoever ends the transaction.
    async fn undo(&self, tx: &mut T, owner: &str) {
        let undone = (self.script)(tx, statements::undo(owner));
        // A statement that the body has cut may still run before it.
        let _ = match context::deadline() {
            Some(deadline) => tokio::time::timeout_at(deadline, undone).await.ok(),
            None => Some(undone.await),
        };
    }
}

/// The right to run one operation, in a transaction. Dropped without a settlement, it leaves the claim in it, which
/// says *in doubt* should somebody commit all the same.
pub struct TxClaim {
    site: &'static SiteLedger,
    key: IdempotencyKey,
    owner: String,
    /// Attempts of this call that may have taken effect before the claim.
    before: u32,
}

impl SiteLedger {
    /// Claims the operation in the transaction.
    pub async fn claim_in<T>(
        &'static self,
        in_tx: &InTx<T>,
        tx: &mut T,
        names: &Names,
        closure: fn() -> &'static str,
    ) -> Entry<TxClaim> {
        let request = match self.usable(names, closure).and_then(|usable| self.request(usable, new_owner())) {
            Ok(request) => request,
            Err(error) => return Entry::Rejected(error),
        };
        let statements = Statements::of(&request);
        let rejection = match found(in_tx, tx, &request, &statements).await {
            Ok(None) => return Entry::Run(TxClaim::new(self, &request, statements.owner())),
            Ok(Some(Claimed::Done(record))) => {
                // Whether or not it can: the record is here, and the savepoint ends with the transaction.
                let _ = (in_tx.script)(tx, statements.end()).await;
                return Entry::Known(record);
            }
            Ok(Some(Claimed::Mismatch)) => reject(Kind::KeyReused, self.site),
            Ok(Some(Claimed::InDoubt)) => reject(Kind::OutcomeUnknown, self.site),
            // Outside of a transaction: by an earlier version of the function.
            Ok(Some(Claimed::Running { left, .. })) => reject(Kind::InProgress, self.site).after(left),
            Ok(Some(Claimed::Granted { .. })) => unreachable!("not by a record of somebody else's"),
            Err(fault) => fault.rejection(self.site),
        };
        in_tx.undo(tx, statements.owner()).await;
        Entry::Rejected(rejection)
    }
}

/// What stands against a claim in the transaction. Nothing: it is granted.
async fn found<T>(
    in_tx: &InTx<T>,
    tx: &mut T,
    request: &Request<'_>,
    statements: &Statements<'_>,
) -> Result<Option<Claimed>, Fault> {
    let mut script = statements.begin() + &statements.claim(longest_wait());
    loop {
        let rows = (in_tx.script)(tx, script).await?;
        let found = Found::read(&rows, request, statements.owner())?;
        script = match &found {
            Some(found) if found.owner == statements.owner() => return Ok(None),
            Some(found) => match found.answer(request) {
                Some(answer) => return Ok(Some(answer)),
                None => statements.take_over(found, longest_wait()),
            },
            // Removed between the two statements.
            None => statements.claim(longest_wait()),
        };
    }
}

/// How long this call may wait for another transaction: so that its answer is here before the deadline.
fn longest_wait() -> Option<Duration> {
    let left = context::deadline()?.saturating_duration_since(time::now());
    Some(left / 10 * 9)
}

impl TxClaim {
    fn new(site: &'static SiteLedger, request: &Request<'_>, owner: &str) -> Self {
        let before = context::with(|context| {
            // Who waited here drew his fence before he waited. That of a right around it is still good.
            let fence = context.operation.as_ref().and_then(|around| around.fence);
            context.operation = Some(Arc::new(Operation { key: Some(request.key), fence }));
            context.effects()
        });
        Self { site, key: request.key, owner: owner.to_owned(), before }
    }

    /// Writes the result into the transaction, or takes back what the call has done there.
    pub async fn settle<T, R: Returns>(
        self,
        in_tx: &InTx<T>,
        tx: &mut T,
        outcome: Outcome<R::Value, R::Error>,
        edge: &Edge<R>,
        codec: &Codec<R>,
    ) -> Outcome<R::Value, R::Error> {
        let ran = context::with(|context| context.effects()) > self.before;
        let body = match &outcome {
            Ok(value) => self.site.kept(&codec.value, value, Body::Value),
            Err(Stop::Failure(error)) => match ((edge.effect)(error).class, &codec.error) {
                (Some(Class::Permanent), Some(form)) => self.site.kept(form, error, Body::Error),
                _ => {
                    in_tx.undo(tx, &self.owner).await;
                    return outcome;
                }
            },
            // A policy has cut the body, maybe in the middle of a statement: to go on behind that could take as long as it
            // does. What is left in the transaction says that the call is in doubt.
            Err(Stop::Rejection(_)) if ran => return outcome,
            Err(Stop::Rejection(_)) => {
                in_tx.undo(tx, &self.owner).await;
                return outcome;
            }
        };
        let params = self.site.params;
        let result = Record { version: params.version, body };
        let complete = statements::complete(self.key.as_bytes(), &self.owner, &result, params.ttl);
        let Err(fault) = (in_tx.script)(tx, complete).await else { return outcome };
        in_tx.undo(tx, &self.owner).await;
        match outcome {
            // Without its record the effect could be had again.
            Ok(_) => Err(fault.rejection(self.site.site).into()),
            failure => failure,
        }
    }
}
