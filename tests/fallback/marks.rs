//! How an answer is marked.

use resilience::{Error, context, fallback, retry, timeout};

use crate::support::{Fault, Good, Reply, Service, Transient, after};
use crate::told;

#[fallback(|error| told(&error))]
async fn stock(service: &Service) -> Reply {
    service.call().await
}

#[fallback(|_| Err(Fault::Permanent(0)))]
async fn strict(service: &Service) -> Reply {
    service.call().await
}

#[timeout(ms = 1_000)]
async fn page(service: &Service) -> Result<(u32, bool), Error> {
    assert!(!context::degraded(), "a fresh call starts so");
    let stock = stock(service).await.expect("it always answers");
    Ok((stock, context::degraded()))
}

#[timeout(ms = 2_000)]
async fn site(service: &Service) -> Result<(bool, bool), Error> {
    let (_, inside) = page(service).await?;
    Ok((inside, context::degraded()))
}

#[tokio::test(start_paused = true)]
async fn a_call_knows_of_its_own_and_of_those_inside() {
    let service = Service::new([Good, Transient, Good]);
    assert_eq!(page(&service).await, Ok((1, false)));
    assert_eq!(page(&service).await, Ok((102, true)));
    assert_eq!(page(&service).await, Ok((3, false)), "and not of those before");
    assert_eq!(site(&Service::new([Transient])).await, Ok((true, true)), "two calls further out");
    assert!(!context::degraded(), "outside of a call there is nothing to know");
}

#[tokio::test(start_paused = true)]
async fn a_fallback_that_fails_has_not_answered() {
    #[timeout(ms = 1_000)]
    async fn page(service: &Service) -> Result<bool, Error> {
        assert_eq!(strict(service).await, Err(Fault::Permanent(0)));
        Ok(context::degraded())
    }
    assert_eq!(page(&Service::new([Transient])).await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn another_attempt_begins_without_it() {
    #[retry(attempts = 2, backoff = none, repeatable, when = |_| true)]
    async fn fresh(service: &Service) -> Reply {
        assert!(!context::degraded());
        let stock = stock(service).await?;
        if context::degraded() { Err(Fault::Transient(0)) } else { Ok(stock) }
    }
    #[timeout(ms = 1_000)]
    async fn page(service: &Service) -> Result<(Reply, bool), Error> {
        Ok((fresh(service).await, context::degraded()))
    }
    assert_eq!(page(&Service::new([Transient, Good])).await, Ok((Ok(2), false)));
    assert_eq!(page(&Service::new([Transient])).await, Ok((Err(Fault::Transient(0)), true)));
}

#[tokio::test(start_paused = true)]
async fn calls_side_by_side() {
    #[timeout(ms = 1_000)]
    async fn page(one: &Service, two: &Service) -> Result<(bool, bool), Error> {
        let first = async {
            let _ = stock(one).await;
            context::degraded()
        };
        let second = async {
            let _ = stock(two).await;
            context::degraded()
        };
        Ok(tokio::join!(first, second))
    }
    let (slow, good) = (Service::new([after(100, Transient)]), Service::new([after(50, Good)]));
    assert_eq!(page(&slow, &good).await, Ok((true, false)));
}

#[tokio::test(start_paused = true)]
async fn a_task_reports_back_through_our_spawn_only() {
    #[timeout(ms = 1_000)]
    async fn page(ours: bool) -> Result<bool, Error> {
        let part = async { stock(&Service::new([Transient])).await };
        let task = if ours { resilience::spawn(part) } else { tokio::spawn(part) };
        assert_eq!(task.await.expect("no panic"), Ok(101));
        Ok(context::degraded())
    }
    assert_eq!(page(true).await, Ok(true));
    assert_eq!(page(false).await, Ok(false));
    let alone = resilience::spawn(async { (stock(&Service::new([Transient])).await, context::degraded()) });
    assert_eq!(alone.await.expect("no panic"), (Ok(101), true), "a task is a call of its own");
}

/// The retry in here has given up, and the fallback has mended it.
#[tokio::test(start_paused = true)]
async fn an_answer_is_no_failure_to_a_retry_around() {
    #[fallback(|error| told(&error))]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn part(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn whole(parts: &Service, own: &Service) -> Reply {
        part(parts).await?;
        own.call().await
    }
    let (parts, own) = (Service::new([Transient]), Service::new([Transient]));
    assert_eq!(whole(&parts, &own).await, Err(Fault::Transient(3)));
    assert_eq!((parts.executions(), own.executions()), (6, 3));
}
