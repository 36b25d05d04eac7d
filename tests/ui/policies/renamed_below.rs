use resilience::{policies as stack, timeout};

#[timeout(secs = 2)]
#[stack(name = "shop.fetch")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
