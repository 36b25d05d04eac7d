use resilience::{retry as again, timeout};

#[timeout(secs = 2)]
#[again(repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
