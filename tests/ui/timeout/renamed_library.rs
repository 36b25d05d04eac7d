use resilience as res;

#[res::timeout(secs = 2)]
#[res::retry(repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
