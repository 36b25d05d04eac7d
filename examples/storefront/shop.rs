//! The shop. Read this first: everything else in this folder is there to make its life hard.

use std::sync::Arc;

use resilience::{
    Failure, RetryBudget, bulkhead, circuit_breaker, context, fallback, hedge, policies, rate_limit, retry,
    timeout,
};

use crate::dependency::Dependency;
use crate::page::{BESTSELLER, Page};

/// Why a dependency has not answered, and what that means for asking again.
#[derive(Debug, thiserror::Error, Failure)]
pub(crate) enum Fault {
    #[error("503, it has too much to do")]
    #[failure(transient, not_run)]
    Unavailable,

    #[error("no answer")]
    #[failure(transient)]
    NoAnswer,

    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

/// What the shop asks for each page.
pub(crate) struct Shop {
    pub(crate) profile: Arc<Dependency>,
    pub(crate) catalogue: Arc<Dependency>,
    pub(crate) prices: Arc<Dependency>,
    pub(crate) suggestions: Arc<Dependency>,
    pub(crate) reviews: Arc<Dependency>,
    pub(crate) stock: Arc<Dependency>,
}

/// For a tenth of the calls: with more, retries would finish off what is overloaded.
static RETRIES: RetryBudget = RetryBudget::new().share(0.1).floor(5).burst(20);

impl Shop {
    /// The page, in time whatever happens: without what is optional, if need be, and then it says so.
    #[timeout(ms = 400)] // the promise to the visitor
    pub(crate) async fn page(&self) -> Result<Page, Fault> {
        let (customer, item, cents, suggested, reviews, stock) = tokio::try_join!(
            self.profile(),
            self.catalogue(),
            self.prices(),
            self.suggestions(),
            self.reviews(),
            self.stock(),
        )?;
        let degraded = context::degraded(); // a fallback has answered in one of the six
        Ok(Page { customer, item, cents, suggested, reviews, stock, degraded })
    }

    /// Sometimes slow: then it is asked once more, within what the contract pays for.
    #[fallback(|_| Ok(BESTSELLER))] // what sells best
    #[timeout(ms = 250)] // the whole call
    #[hedge(after = "60ms", repeatable = "it only reads")] // twice its usual time
    #[rate_limit(permits = 105, burst = 20)] // the contract; hedges count too
    async fn suggestions(&self) -> Result<u64, Fault> {
        self.suggestions.call().await
    }

    /// Sometimes gone for seconds: then most pages do not even ask.
    #[fallback(|_| Ok(None))] // a page without reviews
    #[circuit_breaker(window = 20, open_for = "500ms", probes = 2)] // when half of 20 fail
    #[timeout(ms = 150)] // a call that hangs is a failure too
    async fn reviews(&self) -> Result<Option<u64>, Fault> {
        self.reviews.call().await.map(Some)
    }

    /// Refuses a call now and then, and is sometimes overloaded: it is asked again, but no more than it can bear.
    #[fallback(|_| Ok(None))] // a page that says: please ask
    #[timeout(ms = 300)] // the whole call: waits and attempts
    #[retry(attempts = 3, backoff = exponential("10ms"), budget = RETRIES, repeatable = "it only reads")]
    #[bulkhead(max = 4, queue = 8, max_wait = "80ms")] // it has four workers
    async fn stock(&self) -> Result<Option<u64>, Fault> {
        self.stock.call().await.map(Some)
    }
}

/// What no page can do without. They are well in this run; the limit is for the day when they are not.
#[policies(timeout(ms = 300))]
impl Shop {
    async fn profile(&self) -> Result<u64, Fault> {
        self.profile.call().await
    }

    async fn catalogue(&self) -> Result<u64, Fault> {
        self.catalogue.call().await
    }

    async fn prices(&self) -> Result<u64, Fault> {
        self.prices.call().await
    }
}
