use resilience::{Error, bulkhead};

#[async_trait::async_trait]
trait Gateway {
    fn post(&self) -> Result<(), Error>;

    #[bulkhead(max = 5)]
    async fn charge(&self) -> Result<(), Error> {
        self.post()
    }
}

fn main() {}
