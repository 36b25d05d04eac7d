use resilience::{Error, retry};

#[retry(attempts = 3, only_if = key)]
async fn send(key: Option<u64>) -> Result<(), Error> {
    Ok(())
}

fn main() {}
