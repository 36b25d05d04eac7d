use resilience::{Error, circuit_breaker};

trait Gateway {
    fn post(&self) -> Result<(), Error>;

    #[circuit_breaker(consecutive = 5)]
    async fn charge(&self) -> Result<(), Error> {
        self.post()
    }
}

fn main() {}
