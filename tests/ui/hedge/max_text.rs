use resilience::hedge;

#[hedge(after = "50ms", max = "2", repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
