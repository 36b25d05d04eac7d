use resilience::hedge;

const DELAY: u64 = 50;

#[hedge(after = DELAY, repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
