use std::future::Future;

use resilience::timeout;

#[timeout(ms = 500)]
fn fetch(url: &str) -> impl Future<Output = std::io::Result<String>> {
    let url = url.to_owned();
    async move { Ok(url) }
}

fn main() {}
