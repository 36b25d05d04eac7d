//! A claim under way. A caller who goes away before the answer leaves no claim behind.

use super::{Claimed, Ledger, LedgerError, Request};

pub(crate) struct Asking<'a> {
    ledger: &'a dyn Ledger,
    request: &'a Request<'a>,
    answered: bool,
}

impl<'a> Asking<'a> {
    pub(crate) fn of(ledger: &'a dyn Ledger, request: &'a Request<'a>) -> Self {
        Self { ledger, request, answered: false }
    }

    pub(crate) async fn answer(mut self) -> Result<Claimed, LedgerError> {
        // Once more, by the same owner: where only the answer was lost, the claim is ours.
        let claimed = match self.ledger.claim(self.request).await {
            Err(_) => self.ledger.claim(self.request).await,
            claimed => claimed,
        };
        self.answered = claimed.is_ok();
        claimed
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.ledger.withdraw(self.request.key, self.request.owner);
        }
    }
}
