use resilience::{policies, timeout};

#[policies(name = "")]
#[timeout(secs = 2)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
