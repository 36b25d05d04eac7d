use resilience::{CircuitBreaker, Error, circuit_breaker};

struct Client {
    breaker: CircuitBreaker,
    calls: u32,
}

impl Client {
    #[circuit_breaker(share = self.breaker)]
    async fn charge(&mut self) -> Result<(), Error> {
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        self.calls += 1;
    }
}

fn main() {}
