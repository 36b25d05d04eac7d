#![deny(warnings, clippy::all, clippy::pedantic)]
//! Bodies of every kind, without a warning.

use resilience::{Error, idempotent, retry, timeout};

#[timeout(ms = 500)]
async fn begins_with_items() -> Result<usize, Error> {
    use std::collections::BTreeMap;
    const LIMIT: u32 = 3;
    fn double(n: u32) -> u32 {
        n * 2
    }
    let mut map = BTreeMap::new();
    map.insert(1, double(LIMIT));
    Ok(map.len())
}

#[timeout(ms = 500)]
async fn not_written_yet() -> Result<u32, Error> {
    todo!()
}

#[retry(repeatable)]
async fn never_comes_back() -> Result<u32, Error> {
    loop {
        tokio::task::yield_now().await;
    }
}

#[retry(repeatable)]
#[timeout(ms = 500)]
async fn returns(flag: bool, _unused: String) -> Result<u32, Error> {
    if flag {
        return Ok(1);
    }
    match tokio::time::timeout(std::time::Duration::ZERO, async { 1 }).await {
        Ok(n) => Ok(n),
        Err(_) => Ok(2),
    }
}

#[idempotent(key = id)]
#[timeout(ms = 500)]
async fn key_only(id: u64) -> Result<(), Error> {
    Ok(())
}

#[idempotent(key = id, scope = tenant)]
#[timeout(ms = 2_000)]
#[retry(attempts = 3)]
async fn moved(id: String, tenant: Option<String>, payload: Vec<u8>) -> Result<usize, Error> {
    let owned = (id, tenant, payload);
    Ok(owned.2.len())
}

trait Port {
    fn call(&self) -> impl Future<Output = Result<u8, Error>> + Send;
}

struct Adapter;

impl Port for Adapter {
    #[timeout(ms = 100)]
    async fn call(&self) -> Result<u8, Error> {
        Ok(1)
    }
}

#[allow(clippy::unused_async)]
#[timeout(ms = 100)]
async fn empty_result() -> Result<(), Error> {
    Ok(())
}

fn main() {
    let _ = (begins_with_items(), not_written_yet(), never_comes_back(), returns(true, String::new()));
    let _ = (key_only(1), moved(String::new(), None, Vec::new()), Adapter.call(), empty_result());
}
