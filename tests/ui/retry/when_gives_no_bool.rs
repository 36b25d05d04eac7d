use resilience::retry;

#[retry(when = |error| error.raw_os_error(), repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
