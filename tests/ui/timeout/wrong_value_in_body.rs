use resilience::timeout;

#[timeout(ms = 500)]
async fn fetch(url: &str) -> std::io::Result<String> {
    url.to_owned()
}

fn main() {}
