//! The same page without policies, as it is often written.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::dependency::Dependency;
use crate::page::Page;
use crate::shop::{Fault, Shop};

/// What many an HTTP client waits, if nobody tells it otherwise.
const CLIENT: Duration = Duration::from_secs(30);

impl Shop {
    pub(crate) async fn unprotected_page(&self) -> Result<Page, Fault> {
        let (customer, item, cents, suggested, reviews, stock) = tokio::try_join!(
            ask(&self.profile),
            ask(&self.catalogue),
            ask(&self.prices),
            ask(&self.suggestions),
            ask(&self.reviews),
            ask(&self.stock),
        )?;
        let (reviews, stock) = (Some(reviews), Some(stock));
        Ok(Page { customer, item, cents, suggested, reviews, stock, degraded: false })
    }
}

async fn ask(dependency: &Arc<Dependency>) -> Result<u64, Fault> {
    timeout(CLIENT, dependency.call()).await.unwrap_or(Err(Fault::NoAnswer))
}
