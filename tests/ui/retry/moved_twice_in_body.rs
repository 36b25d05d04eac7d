use resilience::retry;

#[retry(repeatable = "a read")]
async fn load(name: String) -> std::io::Result<String> {
    drop(name);
    Ok(name)
}

fn main() {}
