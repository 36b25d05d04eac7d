use resilience::timeout;

#[timeout(ms = 500)]
async fn fetch(url: &str) -> std::io::Result<String> {
    let length: u32 = url.len();
    Ok(format!("{length}"))
}

fn main() {}
