use resilience::{Error, retry, timeout};

struct Client;

impl Client {
    #[timeout(ms = 50)]
    async fn other(&self, number: &mut u64) -> Result<&u64, Error> {
        Ok(number)
    }

    #[retry(attempts = 2, repeatable)]
    async fn again(&self, number: &u64) -> Result<&u64, Error> {
        Ok(number)
    }
}

fn main() {}
