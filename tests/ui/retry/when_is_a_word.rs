use resilience::retry;

#[retry(when = transient, repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
