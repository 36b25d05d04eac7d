use resilience::idempotent;

struct Shop {
    receipt: String,
}

impl Shop {
    #[idempotent(key = order)]
    async fn charge(&self, order: u64) -> std::io::Result<&str> {
        println!("{order}");
        Ok(&self.receipt)
    }
}

fn main() {}
