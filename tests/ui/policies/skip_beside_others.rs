use resilience::{Error, policies, timeout};

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    #[policies(skip, name = "client.named")]
    #[timeout(ms = 10)]
    async fn named(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[policies(skip = true)]
    async fn valued(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[policies(skipp)]
    async fn misspelled(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
