use resilience::policies;

#[policies(name = "shop.fetch")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
