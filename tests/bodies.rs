//! Bodies that compile as plain functions, and so must under a policy.
#![allow(missing_docs)]
#![deny(warnings)]

use resilience::{Error, Pool, bulkhead, hedge, retry, timeout};

static WORKERS: Pool = Pool::new("workers").threads(1);

#[timeout(ms = 500)]
async fn with_an_inner_attribute(text: &str) -> Result<usize, Error> {
    #![allow(unused_variables)]
    //! It is a comment of the function.
    let unused = 1;
    Ok(text.len())
}

#[retry(attempts = 2, repeatable)]
async fn repeated_with_an_inner_attribute(text: String) -> Result<usize, Error> {
    #![expect(unused_variables, reason = "it is one")]
    let unused = 1;
    Ok(text.len())
}

/// No `Clone`.
struct Request(u32);

#[derive(Debug, resilience::Failure)]
enum Refused {
    #[failure(transient)]
    Busy { request: u32 },
    #[failure(policy)]
    Policy(Error),
}

impl Refused {
    fn request(&self) -> u32 {
        match self {
            Self::Busy { request } => *request,
            Self::Policy(_) => 0,
        }
    }
}

/// A method that is called as an argument is.
#[timeout(ms = 500)]
#[resilience::circuit_breaker(when = |error: &Refused| error.request() > 1)]
async fn of_one_name(request: Request) -> Result<u32, Refused> {
    if request.0 == 0 { Err(Refused::Busy { request: 1 }) } else { Ok(request.0) }
}

#[retry(attempts = 2, repeatable)]
async fn raw_in_the_body(name: String) -> Result<usize, Error> {
    Ok(r#name.len())
}

#[retry(attempts = 2, repeatable)]
async fn raw_in_the_signature(r#name: String) -> Result<usize, Error> {
    Ok(name.len())
}

#[retry(attempts = 2, repeatable)]
async fn under_a_condition(
    #[cfg(test)] text: String,
    #[cfg(not(test))] bytes: Vec<u8>,
) -> Result<usize, Error> {
    #[cfg(test)]
    let length = text.len();
    #[cfg(not(test))]
    let length = bytes.len();
    Ok(length)
}

#[hedge(after = "1ms", repeatable)]
async fn hedged_under_a_condition(
    #[cfg(test)] text: String,
    #[cfg(not(test))] text: Vec<u8>,
) -> Result<usize, Error> {
    Ok(text.len())
}

#[bulkhead(pool = WORKERS)]
async fn pooled_under_a_condition(
    #[cfg(test)] text: String,
    #[cfg(not(test))] text: Vec<u8>,
) -> Result<usize, Error> {
    Ok(text.len())
}

mod shadowed {
    use resilience::{Error, timeout};

    type Reply = Result<u32, Error>;

    #[allow(dead_code)]
    enum Names {
        Reply,
        Result,
    }

    /// The glob brings in a value that is called like the type.
    #[timeout(ms = 500)]
    pub(crate) async fn by_a_glob() -> Reply {
        use Names::*;
        let reply = Reply;
        Ok(match reply {
            Reply => 1,
            Result => 2,
        })
    }

    /// In the middle of the body.
    #[timeout(ms = 500)]
    pub(crate) async fn by_a_type() -> Reply {
        let number = 1;
        #[allow(clippy::items_after_statements)]
        struct Reply(u32);
        let reply = Reply(number);
        Ok(reply.0)
    }
}

#[timeout(ms = 500)]
async fn begins_with_an_item() -> Result<u32, Error> {
    async fn one() -> u32 {
        1
    }
    #[derive(Clone, Copy)]
    struct Two(u32);
    /// With a comment.
    const fn three() -> u32 {
        3
    }
    Ok(one().await + Two(2).0 + three())
}

#[tokio::test]
async fn they_run_as_they_are_written() {
    assert_eq!(with_an_inner_attribute("tea").await, Ok(3));
    assert_eq!(repeated_with_an_inner_attribute("tea".to_owned()).await, Ok(3));
    assert_eq!(of_one_name(Request(7)).await.ok(), Some(7));
    assert_eq!(raw_in_the_body("tea".to_owned()).await, Ok(3));
    assert_eq!(raw_in_the_signature("tea".to_owned()).await, Ok(3));
    assert_eq!(under_a_condition("tea".to_owned()).await, Ok(3));
    assert_eq!(hedged_under_a_condition("tea".to_owned()).await, Ok(3));
    assert_eq!(pooled_under_a_condition("tea".to_owned()).await, Ok(3));
    assert_eq!(shadowed::by_a_glob().await, Ok(1));
    assert_eq!(shadowed::by_a_type().await, Ok(1));
    assert_eq!(begins_with_an_item().await, Ok(6));
}
