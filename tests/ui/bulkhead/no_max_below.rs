use resilience::{bulkhead, timeout};

#[timeout(ms = 500)]
#[bulkhead()]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
