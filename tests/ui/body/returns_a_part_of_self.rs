use resilience::{Error, retry, timeout};

struct Client {
    hits: u32,
}

impl Client {
    #[timeout(ms = 200)]
    async fn cut(&mut self) -> Result<&mut u32, Error> {
        Ok(&mut self.hits)
    }

    #[retry(attempts = 2, repeatable)]
    async fn repeated(&mut self) -> Result<&mut u32, Error> {
        Ok(&mut self.hits)
    }
}

fn main() {}
