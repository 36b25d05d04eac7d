//! The checkout service. Read this first: everything else in this folder is there to make its life hard.

use std::io;
use std::net::SocketAddr;

use hyper::StatusCode;
use resilience::{Failure, circuit_breaker, context, idempotent, retry, timeout};

use crate::http;
use crate::order::{Order, Receipt};

/// Why a charge did not come back with a receipt, and what that means for trying again.
#[derive(Debug, thiserror::Error, Failure)]
pub(crate) enum PayError {
    #[error("the gateway cannot be reached")]
    #[failure(transient, not_run)]
    Unreachable(#[source] io::Error),

    /// The dangerous one: the money may be gone.
    #[error("the gateway's reply was lost")]
    #[failure(transient)]
    ReplyLost(#[source] io::Error),

    #[error("the gateway is unavailable")]
    #[failure(transient)]
    Unavailable,

    #[error("the gateway refused the charge ({0})")]
    #[failure(permanent)]
    Refused(StatusCode),

    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

/// A shop and the gateway it charges at.
pub(crate) struct Shop {
    pub(crate) gateway: SocketAddr,
    /// The name of the run.
    pub(crate) run: String,
}

impl Shop {
    /// Charges an order: once, however often it is asked to and whatever the gateway does.
    #[idempotent(key = order.id, scope = self.run)] // other runs may share the ledger
    #[timeout(ms = 2_000)] // the whole operation
    #[retry(attempts = 3)]
    #[circuit_breaker(failure_rate = 0.5, window = 50, min_calls = 20, open_for = "500ms", probes = 2)]
    #[timeout(ms = 500)] // each attempt
    pub(crate) async fn charge(&self, order: &Order) -> Result<Receipt, PayError> {
        let key = context::idempotency_key(); // the same for every attempt: the gateway deduplicates on it
        self.post_charge(order, key.map(|key| key.to_string())).await
    }

    /// The same request without policies and without a key.
    pub(crate) async fn charge_unprotected(&self, order: &Order) -> Result<Receipt, PayError> {
        self.post_charge(order, None).await
    }

    async fn post_charge(&self, order: &Order, key: Option<String>) -> Result<Receipt, PayError> {
        let stream = http::connect(self.gateway).await.map_err(PayError::Unreachable)?;
        let reply = http::post(stream, "/charges", key, order).await.map_err(PayError::ReplyLost)?;
        match reply.status() {
            StatusCode::OK => {
                serde_json::from_slice(reply.body()).map_err(|garbled| PayError::ReplyLost(garbled.into()))
            }
            StatusCode::SERVICE_UNAVAILABLE => Err(PayError::Unavailable),
            other => Err(PayError::Refused(other)),
        }
    }
}
