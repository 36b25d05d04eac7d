//! A retry budget that several sites share.
#![allow(missing_docs)]

mod support;

use resilience::{RetryBudget, hedge, manifest, retry};
use support::{Fault, Good, Reply, Service, Transient, events, pass, timed};

#[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable, budget = CALM)]
async fn read(service: &Service) -> Reply {
    service.call().await
}

#[retry(attempts = 5, backoff = none, repeatable, budget = CALM)]
async fn list(service: &Service) -> Reply {
    service.call().await
}

static CALM: RetryBudget = RetryBudget::new().share(0.5).floor(0).burst(3);

#[tokio::test(start_paused = true)]
async fn it_is_shared_and_ends_with_the_last_real_error() {
    events::record();
    let service = Service::new([Transient]);
    // Three are saved, and no more can be; then each call earns a half.
    assert_eq!(timed(read(&service)).await, (Err(Fault::Transient(3)), 20));
    assert_eq!(list(&service).await, Err(Fault::Transient(5)), "one is left, and its own half");
    let stopped = events::take();
    assert!(
        stopped.iter().any(|event| event.contains("retry_stopped") && event.contains("budget")),
        "{stopped:?}"
    );
    assert_eq!(timed(read(&service)).await, (Err(Fault::Transient(7)), 10), "two halves");
    assert_eq!(timed(read(&service)).await, (Err(Fault::Transient(8)), 0), "a half is no repeat");
    // Calls that succeed pay for those that do not.
    let good = Service::new([Good]);
    assert_eq!(read(&good).await, Ok(1));
    assert_eq!(list(&service).await, Err(Fault::Transient(10)));
}

#[tokio::test(start_paused = true)]
async fn one_of_a_client_is_for_all_its_calls() {
    struct Client {
        service: Service,
        budget: RetryBudget,
    }
    impl Client {
        #[retry(attempts = 4, backoff = none, repeatable, budget = self.budget)]
        async fn call(&self) -> Reply {
            self.service.call().await
        }

        #[retry(attempts = 4, backoff = none, repeatable, budget = self.budget)]
        async fn change(&mut self) -> Reply {
            self.service.call().await
        }
    }
    let budget = RetryBudget::new().share(0.0).floor(2).burst(4);
    let mut client = Client { service: Service::new([Transient]), budget };
    assert_eq!(client.call().await, Err(Fault::Transient(4)));
    assert_eq!(client.change().await, Err(Fault::Transient(6)));
    assert_eq!(client.call().await, Err(Fault::Transient(7)));
    pass(1_000).await;
    assert_eq!(client.change().await, Err(Fault::Transient(10)), "a second earns two");
}

/// A retry that its budget ends has given up: one around it does not go on in its place.
#[tokio::test(start_paused = true)]
async fn a_retry_around_it_does_not_repeat_what_it_may_not() {
    static NONE: RetryBudget = RetryBudget::new().share(0.0).floor(0).burst(1);
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn outer(service: &Service) -> Reply {
        inner(service).await
    }
    #[retry(attempts = 3, backoff = none, repeatable, budget = NONE)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(outer(&Service::new([Transient])).await, Err(Fault::Transient(2)));
    assert_eq!(outer(&Service::new([Transient])).await, Err(Fault::Transient(1)));
}

/// A share of the calls, however many policies of a call spend from it, in whatever order.
#[tokio::test(start_paused = true)]
async fn a_call_earns_once() {
    static HALF: RetryBudget = RetryBudget::new().share(0.5).floor(0).burst(1);
    #[retry(attempts = 9, backoff = none, repeatable, budget = HALF)]
    #[hedge(after = "10ms", repeatable, budget = HALF)]
    async fn retry_above(service: &Service) -> Reply {
        service.call().await
    }
    #[hedge(after = "10ms", repeatable, budget = HALF)]
    #[retry(attempts = 9, backoff = none, repeatable, budget = HALF)]
    async fn hedge_above(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    drop(retry_above(&service).await); // what is saved
    let before = service.executions();
    for _ in 0..10 {
        drop(retry_above(&service).await);
        drop(hedge_above(&service).await);
    }
    assert_eq!(service.executions() - before, 20 + 10);
}

#[test]
fn the_manifest_names_it() {
    let site = manifest().find(|site| site.name() == "budget::read").expect("a site");
    assert!(format!("{:?}", site.policies()).contains("CALM"));
}
