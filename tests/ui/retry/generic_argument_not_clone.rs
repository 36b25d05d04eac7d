use std::fmt::Display;

use resilience::retry;

#[retry(repeatable = "a read")]
async fn load<I: Display>(id: I) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
