use resilience::{Error, idempotent};

trait Gateway {
    fn post(&self) -> Result<(), Error>;

    #[idempotent(key = order)]
    async fn charge(&self, order: u64) -> Result<(), Error> {
        self.post()
    }
}

fn main() {}
