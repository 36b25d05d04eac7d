use resilience::timeout;

#[timeout(secs = 1.5)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
