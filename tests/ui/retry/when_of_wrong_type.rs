use resilience::retry;

fn may_pass(error: &String) -> bool {
    error.contains("timeout")
}

#[retry(when = may_pass, repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
