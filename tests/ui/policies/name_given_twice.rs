use resilience::{policies, timeout};

#[policies(name = "shop.fetch", name = "shop.load")]
#[timeout(secs = 2)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
