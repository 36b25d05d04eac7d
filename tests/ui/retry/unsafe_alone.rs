use resilience::retry;

#[retry(attempts = 3)]
async fn charge(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
