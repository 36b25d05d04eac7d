use resilience::retry;

#[retry(when_ok = |status: &u16| *status == 503, repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
