//! How many annotated functions can call one another, in the order that is the hardest for the compiler: each caller in front of
//! its callee. This file compiles, or it does not.
#![allow(missing_docs, reason = "a test target")]

use std::rc::Rc;

use resilience::{Error, bulkhead, circuit_breaker, fallback, hedge, policies, rate_limit, retry, timeout};

/// Functions with these attributes, of which each calls the next; the last one adds nothing.
macro_rules! chain {
    ($(#[$attr:meta])* $first:ident $second:ident $($rest:ident)*) => {
        $(#[$attr])*
        async fn $first(at: &str) -> Result<usize, Error> {
            Ok($second(at).await? + 1)
        }
        chain!($(#[$attr])* $second $($rest)*);
    };
    ($(#[$attr:meta])* $last:ident) => {
        $(#[$attr])*
        async fn $last(at: &str) -> Result<usize, Error> {
            tokio::task::yield_now().await;
            Ok(at.len())
        }
    };
}

/// Runs a call, of which only the outermost function is known here: a test that is itself a future would be one more.
fn run<T>(call: impl Future<Output = T> + Send) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime").block_on(call)
}

mod four {
    use super::*;
    chain!(
        #[timeout(secs = 2)] #[retry(attempts = 3, repeatable)] #[circuit_breaker] #[bulkhead(max = 8)]
        f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15
    );

    #[test]
    fn fifteen_of_four_policies() {
        assert_eq!(run(f1("x")), Ok(15));
    }
}

mod linear {
    use super::*;
    chain!(
        #[fallback(async |error| { tokio::task::yield_now().await; Err(error) }, when = |_| true)]
        #[timeout(secs = 2)]
        #[rate_limit(permits = 100, max_wait = "1s")]
        #[retry(attempts = 3, repeatable, when = |_| true, when_ok = |value| *value == 0)]
        #[circuit_breaker(when = |_| true)]
        #[bulkhead(max = 8, queue = 8)]
        #[timeout(secs = 1)]
        f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15
    );

    #[test]
    fn fifteen_of_all_that_adds_no_future() {
        assert_eq!(run(f1("x")), Ok(15));
    }
}

mod raced {
    use super::*;
    chain!(
        #[timeout(secs = 2)] #[hedge(after = "1s", repeatable)] #[circuit_breaker]
        f1 f2 f3 f4 f5 f6 f7 f8 f9 f10
    );

    #[test]
    fn ten_that_keep_a_future() {
        assert_eq!(run(f1("x")), Ok(10));
    }
}

mod boxes {
    use super::*;
    chain!(
        #[policies(boxed)] #[timeout(secs = 2)] #[hedge(after = "1s", repeatable)] #[circuit_breaker]
        f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30
        f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49 f50 f51 f52 f53 f54 f55 f56 f57 f58
        f59 f60
    );

    #[test]
    fn any_number_in_boxes() {
        assert_eq!(run(f1("x")), Ok(60));
    }
}

mod recursion {
    use super::*;

    #[policies(boxed = local)]
    #[timeout(secs = 2)]
    async fn down(levels: u32) -> Result<u32, Error> {
        if levels == 0 { Ok(0) } else { Ok(down(levels - 1).await? + 1) }
    }

    #[tokio::test]
    async fn a_box_can_hold_one_of_its_own_kind() {
        assert_eq!(down(20).await, Ok(20));
    }
}

struct Client {
    calls: u32,
}

#[policies(boxed = local, timeout(secs = 2))]
impl Client {
    #[retry(attempts = 2, repeatable)]
    async fn change<'a, T: AsRef<str> + Clone>(
        &mut self,
        text: &'a str,
        more: T,
    ) -> Result<(&'a str, Rc<u32>), Error> {
        let calls = Rc::new(self.calls + 1);
        tokio::task::yield_now().await;
        self.calls += u32::try_from(more.as_ref().len()).unwrap_or(0);
        Ok((text, calls))
    }

    #[policies(boxed)]
    async fn read(&self) -> Result<u32, Error> {
        Ok(self.calls)
    }
}

#[tokio::test]
async fn what_is_lent_to_a_box_comes_back() {
    let mut client = Client { calls: 1 };
    let text = String::from("text");
    let (same, calls) = client.change(&text, Rc::<str>::from("more")).await.expect("in time");
    assert_eq!((same, *calls), ("text", 2));
    assert_eq!(client.read().await, Ok(5));
}
