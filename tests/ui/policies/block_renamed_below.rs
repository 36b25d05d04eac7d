use resilience::{Error, policies, retry as again};

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    #[again(attempts = 3, repeatable, when = |_| true)]
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
