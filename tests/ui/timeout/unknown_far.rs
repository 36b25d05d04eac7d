use resilience::timeout;

#[timeout(deadline = "2s")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
