use resilience::retry;

#[retry(when_ok = |error: &std::io::Error| error.raw_os_error() == Some(4), repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
