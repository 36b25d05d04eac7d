//! Generated code minds its own names: what the user's module shadows, renames or denies does not matter to it.
#![allow(missing_docs, reason = "a test target")]
#![deny(warnings, clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]

/// Every name that generated code could have meant, shadowed.
mod shadowed {
    #![allow(dead_code, non_camel_case_types, reason = "the names are there to be in the way")]

    pub(super) struct Option;
    pub(super) struct Result;
    pub(super) struct Box;
    pub(super) struct Duration;
    pub(super) struct Site;
    pub(super) fn drop() {}
    pub(super) fn edge() {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod tokio {}
    pub(super) const SITE: u32 = 1;

    #[derive(Debug, resilience::Failure)]
    pub(super) enum Fault {
        #[failure(transient)]
        Some,
        #[failure(permanent)]
        None,
        #[failure(policy)]
        Ok(resilience::Error),
    }

    #[allow(unused_imports, reason = "shadows the prelude")]
    use Fault::{None, Ok, Some};

    type Returned = ::core::result::Result<u32, Fault>;

    #[resilience::idempotent(key = key, scope = retry, fingerprint = (names, outcome))]
    #[resilience::timeout(ms = 2_000)]
    #[resilience::retry(attempts = 3)]
    #[resilience::circuit_breaker(failure_rate = 0.5)]
    #[resilience::timeout(ms = 500)]
    pub(super) async fn named(
        key: &str,
        retry: u32,
        outcome: u32,
        names: ::std::string::String,
        permit: u32,
    ) -> Returned {
        let edge = retry + outcome + permit + SITE;
        let call = u32::try_from(key.len() + names.len()).unwrap_or_default();
        ::core::result::Result::Ok(edge + call)
    }

    #[resilience::hedge(after = "50ms", repeatable)]
    #[resilience::retry(attempts = 3, repeatable)]
    #[resilience::hedge(after = "10ms", max = 2, repeatable)]
    pub(super) async fn raced(make: ::std::string::String, first: u32, budget: u32) -> Returned {
        let race = u32::try_from(make.len()).unwrap_or_default();
        ::core::result::Result::Ok(race + first + budget)
    }
}

/// The same of a right, twice in a stack.
mod elected {
    #[resilience::exclusive(key = right)]
    #[resilience::timeout(ms = 500)]
    #[resilience::exclusive(key = (lead, held), lease = "1s", otherwise = skip)]
    pub(super) async fn named(
        lead: u32,
        right: u32,
        held: u32,
        rejection: u32,
    ) -> Result<u32, resilience::Error> {
        let edge = lead + right;
        Ok(edge + held + rejection)
    }
}

#[tokio::test]
async fn a_right_minds_its_own_names() {
    assert_eq!(elected::named(1, 2, 3, 4).await, Ok(10));
}

/// The same of a fallback, and of what it names.
mod answered {
    use super::shadowed::Fault;

    #[resilience::fallback(|answer| if outcome.is_empty() { Err(answer) } else { Ok(outcome + &text) })]
    #[resilience::retry(attempts = 2, repeatable)]
    #[resilience::fallback(async |error| Err(error), when = |error| matches!(error, Fault::None) && text.is_empty())]
    pub(super) async fn named(mut outcome: String, error: u32, mut text: String) -> Result<String, Fault> {
        outcome.push('!');
        text.push_str(&error.to_string());
        if text.is_empty() { Ok(outcome) } else { Err(Fault::Some) }
    }

    #[resilience::fallback(|edge| edge.site().len())]
    #[resilience::timeout(ms = 500)]
    pub(super) async fn bare(site: &str) -> usize {
        site.len()
    }
}

#[tokio::test]
async fn a_fallback_minds_its_own_names() {
    let text = answered::named("tea".to_owned(), 7, "s".to_owned()).await;
    assert_eq!(text.expect("it answers"), "teas");
    assert_eq!(answered::bare("four").await, 4);
}

/// Names of the code that hands a call over to a pool, and `mut`s that move with their arguments.
mod pools {
    static POOL: resilience::Pool = resilience::Pool::new("hygiene");

    pub(super) struct Reports(pub(super) u32);

    impl Reports {
        #[resilience::retry(attempts = 2, when = |_| crossing > 0, repeatable)]
        #[resilience::bulkhead(pool = POOL)]
        #[resilience::retry(attempts = 2, when = |_| this > 0, nested = repeat, repeatable)]
        pub(super) async fn repeated(
            self: std::sync::Arc<Self>,
            mut place: u32,
            (mut pool, crossing): (String, u32),
            this: u32,
        ) -> Result<u32, resilience::Error> {
            place += crossing + this + self.0;
            pool.push('!');
            Ok(place + u32::try_from(pool.len()).unwrap_or_default())
        }

        #[resilience::bulkhead(pool = POOL)]
        pub(super) async fn once(mut self, mut edge: Vec<u32>) -> Result<u32, resilience::Error> {
            edge.push(self.0);
            self.0 = edge.iter().sum();
            Ok(self.0)
        }
    }
}

#[tokio::test]
async fn names_of_a_pool() {
    let reports = || pools::Reports(1);
    let repeated = std::sync::Arc::new(reports()).repeated(1, ("one".to_owned(), 2), 3);
    assert_eq!(repeated.await, Ok(11));
    assert_eq!(reports().once(vec![2]).await, Ok(3));
}

/// A facade of one's own.
mod facade {
    pub(crate) mod inner {
        pub(crate) use resilience::*;
    }
}

mod renamed {
    use crate::facade::inner as policy;

    #[derive(Debug, policy::Failure)]
    #[failure(crate = crate::facade::inner, default = permanent)]
    pub(super) enum Fault {
        #[failure(policy)]
        Policy(policy::Error),
    }

    #[policy::policies(crate = policy, name = "renamed")]
    #[policy::timeout(ms = 900)]
    #[policy::retry(attempts = 2, repeatable)]
    pub(super) async fn call(value: u32) -> Result<u32, Fault> {
        Ok(value)
    }
}

#[tokio::test]
async fn names_do_not_collide() {
    assert!(matches!(shadowed::named("k", 1, 2, String::from("n"), 3).await, Ok(9)));
    assert!(matches!(shadowed::raced(String::from("n"), 2, 3).await, Ok(6)));
}

#[tokio::test]
async fn a_facade_of_ones_own() {
    assert!(matches!(renamed::call(1).await, Ok(1)));
    assert!(resilience::manifest().any(|site| site.name() == "renamed" && site.policies().len() == 2));
}

/// Arguments with raw names, a boxed error, and a stack that a macro of the user's writes.
mod odd {
    use resilience::{Failure, retry, timeout};

    #[derive(Debug, Failure)]
    pub(super) enum Outer {
        #[failure(transparent)]
        Inner(Box<super::shadowed::Fault>),
        #[failure(policy)]
        Policy(resilience::Error),
    }

    macro_rules! stack {
        ($name:ident) => {
            #[timeout(ms = 100)]
            #[retry(attempts = 2, backoff = none, repeatable)]
            pub(super) async fn $name(r#type: String) -> Result<usize, Outer> {
                Ok(r#type.len())
            }
        };
    }
    stack!(written_by_a_macro);
}

#[tokio::test]
async fn odd_names_and_places() {
    use resilience::{Class, Failure};
    assert!(matches!(odd::written_by_a_macro("ab".to_owned()).await, Ok(2)));
    assert_eq!(odd::Outer::Inner(Box::new(shadowed::Fault::None)).class(), Class::Permanent);
}
