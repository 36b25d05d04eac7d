use resilience::hedge;

const EXTRA: u32 = 0;

#[hedge(after = p95, max = EXTRA, repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
