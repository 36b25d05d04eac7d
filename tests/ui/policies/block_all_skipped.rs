use resilience::{Error, policies};

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    #[policies(skip)]
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[policies(skip)]
    async fn two(&self) -> u32 {
        2
    }

    fn three(&self) -> u32 {
        3
    }
}

fn main() {}
