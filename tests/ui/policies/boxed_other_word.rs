use resilience::{Error, policies, timeout};

#[policies(boxed = sync)]
#[timeout(ms = 500)]
async fn level(item: &str) -> Result<usize, Error> {
    Ok(item.len())
}

#[policies(boxed(local))]
#[timeout(ms = 500)]
async fn price(item: &str) -> Result<usize, Error> {
    Ok(item.len())
}

fn main() {}
