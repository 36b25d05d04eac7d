use resilience::{idempotent, retry};

#[idempotent(key = id, guarantee = at_most_once)]
#[retry(attempts = 3)]
async fn charge(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
