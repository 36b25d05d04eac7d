//! Where the customers find the shop.

use std::sync::Arc;

use crate::order::{Order, Receipt};
use crate::seen::{Counts, Seen};
use crate::shop::{PayError, Shop};
use crate::workers::Workers;

pub(crate) enum Front {
    Here(Here),
    Workers(Arc<Workers>),
}

/// In this process, with its policies or without.
pub(crate) struct Here {
    pub(crate) shop: Shop,
    pub(crate) unprotected: bool,
}

impl Here {
    pub(crate) async fn submit(&self, order: &Order) -> Result<Receipt, PayError> {
        if self.unprotected {
            self.shop.charge_unprotected(order).await
        } else {
            self.shop.charge(order).await
        }
    }
}

impl Front {
    /// Whether a receipt came back.
    pub(crate) async fn submit(&self, order: &Order) -> bool {
        match self {
            Self::Here(here) => here.submit(order).await.is_ok(),
            Self::Workers(workers) => workers.submit(order).await.is_ok(),
        }
    }

    /// What the library decided, wherever the shop is.
    pub(crate) async fn counts(&self, seen: &Seen) -> Counts {
        match self {
            Self::Here(_) => seen.counts(),
            Self::Workers(workers) => workers.counts().await,
        }
    }
}
