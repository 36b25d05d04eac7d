use resilience::{Error, policies};

pub trait Fetch {
    #[policies(timeout(ms = 500))]
    async fn fetch(&self) -> Result<u32, Error>;
}

fn main() {}
