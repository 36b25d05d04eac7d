use resilience::{Error, policies};

#[policies(timeout(ms = 500))]
pub trait Fetch {
    async fn fetch(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
