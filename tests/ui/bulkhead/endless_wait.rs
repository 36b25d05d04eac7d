use resilience::{bulkhead, timeout};

#[timeout(ms = 500)]
#[bulkhead(max = 32, queue = 64, max_wait = "500ms")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
