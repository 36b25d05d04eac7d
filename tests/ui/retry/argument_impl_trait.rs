use resilience::retry;

#[retry(repeatable = "a read")]
async fn sum(numbers: impl Iterator<Item = u64>) -> std::io::Result<u64> {
    Ok(numbers.sum())
}

fn main() {}
