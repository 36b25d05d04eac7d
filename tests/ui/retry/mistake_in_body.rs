use resilience::retry;

#[retry(repeatable = "a read")]
async fn load(name: String) -> std::io::Result<String> {
    Ok(name.trim_all())
}

fn main() {}
