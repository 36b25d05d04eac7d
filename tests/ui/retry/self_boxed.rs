use resilience::retry;

struct Client;

impl Client {
    #[retry(repeatable = "a read")]
    async fn load(self: Box<Self>, id: u64) -> std::io::Result<String> {
        Ok(id.to_string())
    }
}

fn main() {}
