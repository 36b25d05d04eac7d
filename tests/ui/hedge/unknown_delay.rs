use resilience::hedge;

#[hedge(delay = "50ms", repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
