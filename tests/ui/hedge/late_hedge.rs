use resilience::{hedge, timeout};

#[timeout(ms = 500)]
#[hedge(after = "500ms", repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
