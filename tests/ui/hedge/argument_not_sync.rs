use std::cell::Cell;

use resilience::{hedge, timeout};

#[hedge(after = "50ms", repeatable = "a read")]
#[timeout(ms = 500)]
async fn fetch(seen: Cell<u32>, url: String) -> std::io::Result<String> {
    tokio::task::yield_now().await;
    Ok(format!("{url} {}", seen.get()))
}

fn main() {
    tokio::spawn(fetch(Cell::new(1), String::new()));
}
