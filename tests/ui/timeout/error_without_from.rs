use resilience::timeout;

#[derive(Debug)]
enum FetchError {
    Unreachable,
}

#[timeout(ms = 500)]
async fn fetch(url: &str) -> Result<String, FetchError> {
    if url.is_empty() {
        return Err(FetchError::Unreachable);
    }
    Ok(url.to_owned())
}

fn main() {}
