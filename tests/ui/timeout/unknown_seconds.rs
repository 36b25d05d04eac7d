use resilience::timeout;

#[timeout(seconds = 2)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
