use resilience::timeout;

#[timeout(after = "soon")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
