use resilience::timeout;

#[timeout(ms = 500)]
async fn fetch(url: &str) -> Result<String, String> {
    url.strip_prefix("http://").map(str::to_owned).ok_or_else(|| "no address".to_owned())
}

fn main() {}
