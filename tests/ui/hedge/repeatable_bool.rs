use resilience::hedge;

#[hedge(after = "50ms", repeatable = true)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
