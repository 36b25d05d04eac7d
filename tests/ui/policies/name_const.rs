use resilience::{policies, timeout};

const NAME: &str = "shop.fetch";

#[policies(name = NAME)]
#[timeout(secs = 2)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
