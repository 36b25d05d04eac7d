use std::rc::Rc;

use resilience::timeout;

#[timeout(ms = 500)]
async fn fetch(url: &str) -> std::io::Result<String> {
    let shared = Rc::new(url.to_owned());
    std::future::ready(()).await;
    Ok(shared.to_string())
}

fn spawned(_: impl Send) {}

fn main() {
    spawned(fetch("http://localhost"));
}
