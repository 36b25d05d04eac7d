use resilience::{hedge, retry};

struct Client {
    loads: u64,
}

impl Client {
    #[hedge(after = "50ms", repeatable = "a read")]
    #[retry(repeatable = "a read")]
    async fn load(&mut self, id: u64) -> std::io::Result<String> {
        self.loads += 1;
        Ok(id.to_string())
    }
}

fn main() {}
