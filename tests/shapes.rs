//! Every shape of function that an attribute can stand on.
#![allow(missing_docs)]
use resilience::{Failure, circuit_breaker, idempotent, retry, timeout};

#[derive(Debug, Clone, PartialEq, thiserror::Error, Failure)]
enum Fault {
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error("declined")]
    #[failure(permanent)]
    Declined,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

struct Order {
    id: u64,
}
struct Gateway;

impl Gateway {
    #[idempotent(key = order.id)]
    #[timeout(ms = 2_000)]
    #[retry(attempts = 3)]
    #[circuit_breaker(failure_rate = 0.5)]
    #[timeout(ms = 500)]
    async fn charge(&self, order: &Order) -> Result<u64, Fault> {
        if order.id == 0 {
            return Err(Fault::Declined);
        }
        Ok(order.id)
    }
}

#[tokio::test]
async fn headline() {
    assert_eq!(Gateway.charge(&Order { id: 7 }).await, Ok(7));
    assert_eq!(Gateway.charge(&Order { id: 0 }).await, Err(Fault::Declined));
}
