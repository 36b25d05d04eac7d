use resilience::{Error, policies};

struct Client;

struct Big;

#[policies(retry(repeatable = "reads only", when = |_| true))]
impl Client {
    async fn one(&self, big: Big) -> Result<u32, Error> {
        drop(big);
        Ok(1)
    }
}

fn main() {}
