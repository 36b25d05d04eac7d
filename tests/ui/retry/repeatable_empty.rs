use resilience::retry;

#[retry(repeatable = "")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
