//! Functions of a crate in which nothing is called as usual: it has no prelude, a dependency that is called `core`, and a trait
//! that gives each type methods of the names that generated code calls.
#![allow(missing_docs)]
#![no_implicit_prelude]

extern crate serde as core;

use ::std::convert::From;
use ::std::marker::Sized;
use ::std::primitive::{str, u32, u64};
use ::std::result::Result::{self, Ok};
use ::std::string::String;
use ::std::{assert_eq, module_path};

use ::resilience::{
    Error, Pool, bulkhead, circuit_breaker, exclusive, fallback, hedge, idempotent, rate_limit, retry,
    timeout,
};

macro_rules! for_every_type {
    ($($name:ident)*) => {
        /// For every type, and by value: found before a method that takes `&self`.
        pub trait Names: Sized {
            $(fn $name(self) -> Never {
                Never
            })*
        }
        impl<T> Names for T {}
    };
}

/// No method of ours gives one.
pub struct Never;

for_every_type! {
    into next leave attempt verdict stands answered start begin last cut lead keep ask known replay answer
    lacks_key choose admit claim_in settle race once_if run future fixed earn blames message of_method of_site look
    class rejection enter pause slot again another hand_out hand_over pin poll
}

#[derive(::resilience::Failure)]
enum Fault {
    #[failure(transient)]
    Busy,
    #[failure(throttled, retry_after = pause)]
    Throttled { pause: ::std::time::Duration },
    #[failure(policy)]
    Policy(Error),
}

static WORKERS: Pool = Pool::new("hostile").threads(1);

#[idempotent(key = order, scope = "a", fingerprint = (order, 1), ttl = "1h")]
#[timeout(ms = 5_000)]
#[retry(attempts = 2, backoff = none, max_elapsed = "4s")]
#[circuit_breaker(window = "10s", failure_rate = 0.5, slow_call = "1s")]
#[rate_limit(permits = 10, per = "1s", weight = weight)]
#[bulkhead(max = 3, queue = 1, max_wait = "1s")]
#[timeout(after = ::std::time::Duration::from_millis(500))]
async fn charge(order: u64, weight: u32, text: String) -> Result<u64, Fault> {
    if order == 0 { Result::Err(Fault::Busy) } else { Ok(order + u64::from(weight) + length(&text)) }
}

fn length(text: &str) -> u64 {
    let mut length = 0;
    for _ in text.bytes() {
        length += 1;
    }
    length
}

#[hedge(after = p95, initial = "1s", repeatable)]
#[circuit_breaker(consecutive = 3, key = host)]
#[bulkhead(max = 3, key = host)]
#[rate_limit(permits = 3, per = "1s", key = host)]
async fn search(host: &str, text: String) -> Result<u64, Error> {
    Ok(length(host) + length(&text))
}

#[exclusive(key = region, lease = "10s")]
#[retry(attempts = 2, repeatable, when = |fault| ::std::matches!(fault, Fault::Throttled { .. }))]
async fn elected(region: &str, text: String) -> Result<u64, Fault> {
    Ok(length(region) + length(&text))
}

#[bulkhead(pool = WORKERS)]
#[retry(attempts = 2, repeatable)]
async fn on_a_pool(text: String) -> Result<u64, Error> {
    Ok(length(&text))
}

#[fallback(|_error| 7)]
#[timeout(ms = 500)]
async fn answered(text: &str) -> u64 {
    length(text)
}

#[idempotent(key = order, optional, store_errors)]
async fn optional(order: ::std::option::Option<u64>) -> Result<u64, Kept> {
    Ok(order.unwrap_or(1))
}

#[derive(::serde::Serialize, ::serde::Deserialize, ::resilience::Failure)]
enum Kept {
    #[failure(permanent)]
    Wrong(u64),
    #[failure(policy)]
    #[serde(skip)]
    Policy(Error),
}

#[::std::prelude::v1::test]
fn they_run() {
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(all());
}

async fn all() {
    let _ = (
        module_path!(),
        Kept::Wrong(1),
        <String as From<&str>>::from("tea"),
        Fault::Throttled { pause: ::std::time::Duration::ZERO },
    );
    let text = || String::from("tea");
    assert_eq!(charge(1, 2, text()).await.ok(), ::std::option::Option::Some(6));
    assert_eq!(charge(0, 2, text()).await.ok(), ::std::option::Option::None);
    assert_eq!(search("h", text()).await.ok(), ::std::option::Option::Some(4));
    assert_eq!(elected("h", text()).await.ok(), ::std::option::Option::Some(4));
    assert_eq!(on_a_pool(text()).await.ok(), ::std::option::Option::Some(3));
    assert_eq!(answered("tea").await, 3);
    assert_eq!(optional(::std::option::Option::Some(3)).await.ok(), ::std::option::Option::Some(3));
}
