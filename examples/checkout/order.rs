//! What the shop sells and what it gets back: the two things that travel between shop and gateway.

use serde::{Deserialize, Serialize};

use crate::shared::dice::dice;

/// One order, as the shop sends it to the gateway.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    pub(crate) cents: u64,
}

impl Order {
    /// The order with this number in the run of this seed.
    pub(crate) fn new(seed: u64, id: u64) -> Self {
        Self { id, cents: dice(&[seed, id]).u64(500..20_000) }
    }
}

/// The gateway's proof that it took the money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) number: u64,
    pub(crate) order: u64,
    pub(crate) cents: u64,
}
