use resilience::{Error, policies, timeout};

#[policies(skip)]
async fn alone() -> Result<u32, Error> {
    Ok(1)
}

#[policies(skip)]
#[timeout(ms = 500)]
async fn with_a_policy() -> Result<u32, Error> {
    Ok(1)
}

struct Client;

impl Client {
    #[timeout(ms = 500)]
    async fn first(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[policies(skip)]
    async fn second(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
