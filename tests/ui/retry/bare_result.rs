use resilience::retry;

#[retry(repeatable = "a read")]
async fn load(id: u64) -> String {
    id.to_string()
}

fn main() {}
