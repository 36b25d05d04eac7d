use resilience::timeout;

#[timeout(ms = 99_999_999_999_999_999_999)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
