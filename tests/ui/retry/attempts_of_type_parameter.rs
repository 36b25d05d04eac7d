use resilience::retry;

trait Table {
    const ATTEMPTS: u32;
}

#[retry(attempts = T::ATTEMPTS, repeatable = "a read")]
async fn load<T: Table>(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
