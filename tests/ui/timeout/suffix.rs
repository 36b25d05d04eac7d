use resilience::timeout;

#[timeout(ms = 500u32)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
