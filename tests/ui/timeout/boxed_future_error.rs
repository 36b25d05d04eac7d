use std::future::Future;
use std::pin::Pin;

use resilience::timeout;

#[derive(Debug)]
struct FetchError;

#[timeout(ms = 500)]
fn fetch(url: &str) -> Pin<Box<dyn Future<Output = Result<String, FetchError>> + Send + '_>> {
    Box::pin(async move { Ok(url.to_owned()) })
}

fn main() {}
