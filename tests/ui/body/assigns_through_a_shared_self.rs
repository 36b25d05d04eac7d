use resilience::{Error, circuit_breaker, hedge, retry, timeout};

struct Client {
    hits: u32,
}

impl Client {
    #[timeout(ms = 200)]
    async fn cut(&self) -> Result<(), Error> {
        self.hits += 1;
        Ok(())
    }

    #[retry(attempts = 2, repeatable)]
    async fn repeated(&self) -> Result<(), Error> {
        self.hits += 1;
        Ok(())
    }

    #[circuit_breaker(consecutive = 2)]
    async fn guarded(&self) -> Result<(), Error> {
        self.hits += 1;
        Ok(())
    }

    #[hedge(after = "50ms", repeatable)]
    async fn raced(&self) -> Result<(), Error> {
        self.hits += 1;
        Ok(())
    }
}

fn main() {}
