use resilience::{Error, fallback, timeout};

struct Client(u32);

impl Client {
    #[fallback(|_| Ok(self.0))]
    #[timeout(ms = 5)]
    async fn call(self) -> Result<u32, Error> {
        let client = self;
        Ok(client.0)
    }
}

fn main() {}
