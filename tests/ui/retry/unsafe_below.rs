use resilience::{retry, timeout};

#[timeout(secs = 2)]
#[retry]
async fn charge(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
