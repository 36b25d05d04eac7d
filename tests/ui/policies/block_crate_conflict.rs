use facade::Error;
use resilience::policies;

mod facade {
    pub use resilience::*;
}

struct Client;

#[policies(crate = resilience, timeout(ms = 500))]
impl Client {
    #[policies(crate = facade)]
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[policies(crate = resilience, name = "client.two")]
    async fn two(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
