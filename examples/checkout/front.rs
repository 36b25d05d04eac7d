//! Where the customers find the shop.

use std::sync::Arc;

use crate::order::Order;
use crate::seen::{Counts, Seen};
use crate::shop::Shop;
use crate::workers::Workers;

pub(crate) enum Front {
    /// In this process.
    Here {
        shop: Shop,
        unprotected: bool,
    },
    Workers(Arc<Workers>),
}

impl Front {
    /// Whether a receipt came back.
    pub(crate) async fn submit(&self, order: &Order) -> bool {
        match self {
            Self::Here { shop, unprotected: true } => shop.charge_unprotected(order).await.is_ok(),
            Self::Here { shop, unprotected: false } => shop.charge(order).await.is_ok(),
            Self::Workers(workers) => workers.submit(order).await.is_ok(),
        }
    }

    /// What the library decided, wherever the shop is.
    pub(crate) async fn counts(&self, seen: &Seen) -> Counts {
        match self {
            Self::Here { .. } => seen.counts(),
            Self::Workers(workers) => workers.counts().await,
        }
    }
}
