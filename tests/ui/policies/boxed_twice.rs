use resilience::{Error, policies, timeout};

#[policies(boxed, boxed = local)]
#[timeout(ms = 500)]
async fn level(item: &str) -> Result<usize, Error> {
    Ok(item.len())
}

struct Client;

#[policies(timeout(ms = 500), boxed, boxed)]
impl Client {
    async fn level(&self) -> Result<usize, Error> {
        Ok(7)
    }
}

fn main() {}
