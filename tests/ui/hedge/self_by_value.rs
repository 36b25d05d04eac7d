use resilience::hedge;

struct Client;

impl Client {
    #[hedge(after = "50ms", repeatable = "a read")]
    async fn load(self, id: u64) -> std::io::Result<String> {
        Ok(id.to_string())
    }
}

fn main() {}
