//! What a fallback sees of the call.

use std::sync::Arc;

use resilience::{fallback, retry, timeout};

use crate::support::{Fault, Good, Permanent, Reply, Service, Transient};
use crate::{count, told};

#[tokio::test(start_paused = true)]
async fn by_value_reference_and_pattern() {
    #[fallback(|_| {
        seen.push(name.clone());
        Ok(left + right + count(&name) + limit)
    })]
    async fn call(
        service: &Service,
        name: String,
        (left, right): (u32, u32),
        seen: &mut Vec<String>,
        mut limit: u32,
    ) -> Reply {
        limit += 1;
        seen.push(format!("{name} {limit} {left} {right}"));
        drop(name);
        service.call().await
    }
    let mut seen = Vec::new();
    let service = Service::new([Transient]);
    assert_eq!(call(&service, "tea".to_owned(), (10, 20), &mut seen, 100).await, Ok(133));
    assert_eq!(seen, ["tea 101 10 20", "tea"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_named_in_a_format_string_only() {
    #[fallback(|_| Ok(format!("nobody called {name}")))]
    async fn call(service: &Service, name: String) -> Result<String, Fault> {
        let greeting = name;
        service.call().await.map(|_| greeting)
    }
    assert_eq!(call(&Service::new([Transient]), "Ada".to_owned()).await.as_deref(), Ok("nobody called Ada"));
}

#[tokio::test(start_paused = true)]
async fn one_that_the_fallback_uses_up() {
    #[fallback(|_| Ok(name))]
    async fn call(service: &Service, name: String) -> Result<String, Fault> {
        service.call().await.map(|_| name)
    }
    assert_eq!(call(&Service::new([Transient]), "tea".to_owned()).await.as_deref(), Ok("tea"));
}

#[tokio::test(start_paused = true)]
async fn one_that_both_change() {
    #[fallback(|_| { name.push('?'); Ok(name) })]
    #[retry(attempts = 2, backoff = none, repeatable)]
    #[fallback(|_| { name.push('-'); Err(Fault::Transient(count(&name))) }, when = |error| matches!(error, Fault::Permanent(_)))]
    async fn call(service: &Service, mut name: String) -> Result<String, Fault> {
        name.push('!');
        service.call().await.map(|_| name)
    }
    let service = Service::new([Good, Permanent]);
    assert_eq!(call(&service, "tea".to_owned()).await.as_deref(), Ok("tea!"));
    assert_eq!(call(&service, "tea".to_owned()).await.as_deref(), Ok("tea?"));
    assert_eq!(service.executions(), 3);
}

/// Each round has its own.
#[tokio::test(start_paused = true)]
async fn below_a_retry() {
    #[retry(attempts = 3, backoff = none, repeatable, when_ok = |text: &String| text == "tea")]
    #[fallback(|_| Ok(name), when = |error| matches!(error, Fault::Transient(_)))]
    async fn call(service: &Service, name: String) -> Result<String, Fault> {
        drop(name);
        service.call().await.map(|execution| execution.to_string())
    }
    let service = Service::new([Transient, Transient, Good]);
    assert_eq!(call(&service, "tea".to_owned()).await.as_deref(), Ok("3"));
}

#[tokio::test(start_paused = true)]
async fn two_fallbacks_use_up_the_same() {
    #[fallback(|_| Ok(name))]
    #[fallback(|_| if name.is_empty() { Ok(name) } else { Err(Fault::Permanent(0)) })]
    async fn call(service: &Service, name: String) -> Result<String, Fault> {
        drop(name);
        service.call().await.map(|_| String::new())
    }
    assert_eq!(call(&Service::new([Transient]), "tea".to_owned()).await.as_deref(), Ok("tea"));
}

/// No clone is asked of an argument that only has the name of the closure's.
#[tokio::test(start_paused = true)]
async fn a_name_of_the_closure_is_its_own() {
    struct Token(u32);
    #[fallback(|token| told(&token))]
    async fn call(service: &Service, token: Token) -> Reply {
        let Token(more) = token;
        service.call().await.map(|execution| execution + more)
    }
    assert_eq!(call(&Service::new([Transient, Good]), Token(1)).await, Ok(101));
}

#[derive(Clone)]
struct Shop {
    stock: u32,
}

impl Shop {
    #[fallback(|_| Ok(self.stock))]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn counted(self: Arc<Self>, service: &Service) -> Reply {
        let shop = self;
        service.call().await.map(|execution| execution + shop.stock)
    }

    #[fallback(|_| Ok(self.stock))]
    async fn by_value(self, service: &Service) -> Reply {
        let shop = self;
        service.call().await.map(|execution| execution + shop.stock)
    }

    #[fallback(|_| { self.stock -= 1; Ok(self.stock) })]
    async fn exclusive(&mut self, service: &Service) -> Reply {
        self.stock += 10;
        service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_method() {
    let shop = Shop { stock: 7 };
    assert_eq!(Arc::new(shop.clone()).counted(&Service::new([Transient])).await, Ok(7));
    assert_eq!(shop.clone().by_value(&Service::new([Transient])).await, Ok(7));
    let mut shop = shop;
    assert_eq!(shop.exclusive(&Service::new([Transient])).await, Ok(16));
}

/// The body changes its clone, and the fallback sees what the caller has passed.
#[tokio::test(start_paused = true)]
async fn a_method_that_uses_itself_up() {
    #[derive(Clone)]
    struct Client(u32);
    impl Client {
        #[fallback(|_| { self.0 += 100; Ok(self.0) })]
        #[timeout(ms = 5)]
        async fn call(mut self) -> Reply {
            self.0 += 1;
            std::future::pending().await
        }
    }
    assert_eq!(Client(7).call().await, Ok(107));
}
