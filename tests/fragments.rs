//! Functions that a macro of the user's makes: each kind of fragment, in each position.
#![allow(missing_docs)]
#![allow(
    redundant_semicolons,
    clippy::needless_lifetimes,
    clippy::no_effect_underscore_binding,
    reason = "a macro writes them"
)]

use std::time::Duration;

use resilience::{Error, bulkhead, circuit_breaker, hedge, idempotent, policies, rate_limit, retry, timeout};

macro_rules! signatures {
    ($vis:vis $name:ident($pat:pat => $arg:ty, $lifetime:lifetime $list:ident: $all:ty) -> $returns:ty $body:block) => {
        #[timeout(ms = 500)]
        #[retry(attempts = 2, repeatable)]
        $vis async fn $name<$lifetime>($pat: $arg, $list: $all) -> $returns $body
    };
}

signatures!(pub(crate) by_parts(Pair(one, two) => Pair, 'a list: &'a mut Vec<u32>) -> Result<usize, Error> {
    list.push(one);
    Ok(list.len() + two as usize)
});

#[derive(Clone)]
struct Pair(u32, u32);

macro_rules! numbers {
    ($($name:ident: $number:literal, $attempts:expr, $backoff:expr, $jitter:expr, $window:expr, $rate:literal, $time:expr;)*) => { $(
        #[timeout(after = $time)]
        #[retry(attempts = $attempts, backoff = $backoff, jitter = $jitter, repeatable)]
        #[circuit_breaker(window = $window, failure_rate = $rate)]
        #[rate_limit(permits = $number, per = "1s", burst = $number)]
        #[bulkhead(max = $number, max_wait = "1ms", queue = $number)]
        async fn $name(text: &str) -> Result<usize, Error> {
            Ok(text.len())
        }
    )* };
}

const LIMIT: Duration = Duration::from_secs(5);

numbers! {
    literals: 10, 3, exponential("1ms", max = "5ms"), full, "10s", 0.5, LIMIT;
    counts: 10, 2 + 1, fixed("1ms"), none, 100, "50%", Duration::from_secs(5);
    words: 10, 3, none, none, "1s", 0.5, LIMIT;
}

macro_rules! backoffs {
    ($name:ident, $first:literal, $max:expr, $factor:literal) => {
        #[retry(attempts = 3, backoff = exponential($first, max = $max, factor = $factor), repeatable)]
        async fn $name() -> Result<(), Error> {
            Ok(())
        }
    };
}
backoffs!(parts_of_a_backoff, "1ms", "5ms", 3.0);

macro_rules! whole {
    ($policies:meta, $item:item) => {
        #[timeout(ms = 500)]
        #[$policies]
        $item
    };
}
whole!(
    retry(attempts = 2, repeatable),
    async fn an_item(mut name: String) -> Result<String, Error> {
        name.push('!');
        Ok(name)
    }
);

macro_rules! bodies {
    ($name:ident, $statement:stmt, $value:expr, $call:path, $rest:tt) => {
        #[retry(attempts = 2, repeatable)]
        #[timeout(ms = 500)]
        async fn $name(number: u32) -> Result<u32, Error> {
            $statement;
            let own = $value;
            Ok($call(own) + $rest + number)
        }
    };
}
bodies!(a_body, let _unused = 1, 1 + 1, std::convert::identity, (2 * 2));

macro_rules! keys {
    ($name:ident, $stored:literal, $key:expr, $scope:expr, $values:expr, $ttl:literal, $argument:ident: $ty:ty) => {
        #[policies(name = $stored)]
        #[idempotent(key = $key, scope = $scope, fingerprint = $values, ttl = $ttl)]
        async fn $name($argument: $ty) -> Result<u64, Error> {
            Ok($argument)
        }
    };
}
keys!(keyed, "fragments.keyed", order + 1, "tenant", (order, 1), "1h", order: u64);

macro_rules! hedged {
    ($name:ident, $after:expr, $returns:ty) => {
        #[hedge(after = $after, repeatable)]
        async fn $name(text: &str) -> $returns {
            Ok(text.len())
        }
    };
}
hedged!(hedged_by_a_fragment, "1ms", Result<usize, Error>);

#[tokio::test]
async fn they_run_as_they_are_written() {
    let mut list = vec![1];
    assert_eq!(by_parts(Pair(2, 3), &mut list).await, Ok(5));
    assert_eq!(list, [1, 2]);
    for reply in [literals("tea").await, counts("tea").await, words("tea").await] {
        assert_eq!(reply, Ok(3));
    }
    assert_eq!(parts_of_a_backoff().await, Ok(()));
    assert_eq!(an_item("tea".to_owned()).await.as_deref(), Ok("tea!"));
    assert_eq!(a_body(1).await, Ok(7));
    assert_eq!(keyed(7).await, Ok(7));
    assert_eq!(hedged_by_a_fragment("tea").await, Ok(3));
}
