use resilience::timeout;

#[timeout(ms = MS)]
async fn fetch<const MS: u64>(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
