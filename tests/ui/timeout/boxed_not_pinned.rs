use std::future::Future;

use resilience::timeout;

#[timeout(ms = 500)]
fn fetch(url: &str) -> Box<dyn Future<Output = std::io::Result<String>>> {
    let url = url.to_owned();
    Box::new(async move { Ok(url) })
}

fn main() {}
