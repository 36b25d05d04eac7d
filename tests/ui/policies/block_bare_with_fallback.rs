use resilience::{fallback, policies};

struct Client;

#[policies(timeout(ms = 5))]
impl Client {
    #[fallback(|_| 1)]
    async fn one(&self) -> u32 {
        1
    }
}

fn main() {}
