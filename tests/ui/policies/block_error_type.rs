use resilience::policies;

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    async fn one(&self) -> Result<u32, String> {
        Ok(1)
    }
}

fn main() {}
