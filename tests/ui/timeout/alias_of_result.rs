use resilience::timeout;

#[derive(Debug)]
struct FetchError;

type Reply<T> = Result<T, FetchError>;

#[timeout(ms = 500)]
async fn fetch(url: &str) -> Reply<String> {
    Ok(url.to_owned())
}

fn main() {}
