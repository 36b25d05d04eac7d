use super::Rule;
use crate::{Policy, Text, Violation};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A repetition inside of a transaction that somebody else has begun.

What a retry is for ends the whole transaction and takes with it all that was done there: a lost connection, a deadlock, a
conflict with another transaction. And after a failed statement the transaction takes no other one, until it goes back to
where it was before the call of `#[idempotent(tx = ...)]`. So a second attempt fails like the first. A hedge would send the
statements of two attempts over one connection.

What can be repeated is the whole transaction. Put the retry on the function that begins it and commits it:

```text
#[retry(attempts = 3, repeatable = \"it is one transaction\")]
async fn checkout(pool: &PgPool, order: &Order) -> Result<(), CheckoutError> {
    let mut tx = pool.begin().await?;
    charge(&mut tx, order).await?; // #[idempotent(key = order.id, tx = tx)]
    tx.commit().await?;
    Ok(())
}
```
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut in_tx = false;
    let mut at = 0;
    while at < stack.len() {
        if let Some(memory) = stack[at].facts().remembers {
            in_tx |= memory.in_tx;
        }
        at += 1;
    }
    let mut at = 0;
    while at < stack.len() {
        if in_tx && stack[at].facts().repeats.is_some() {
            let text = Text::new("what a retry is for ends the transaction of `tx`, and another attempt in it fails as well")
                .help("remove this policy, and retry the function that begins the transaction and commits it");
            return Some(Violation::of(Rule::RetryInTx, at, "", text));
        }
        at += 1;
    }
    None
}
