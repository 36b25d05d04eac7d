use resilience::hedge;

#[hedge(after = "50ms", repeatable = "a read")]
async fn fetch(url: String) -> std::io::Result<String> {
    drop(url);
    Ok(url)
}

fn main() {}
