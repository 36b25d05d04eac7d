use resilience::retry;

struct Client<const N: u32>;

impl<const N: u32> Client<N> {
    #[retry(attempts = N, repeatable = "a read")]
    async fn load(&self, id: u64) -> std::io::Result<String> {
        Ok(id.to_string())
    }
}

fn main() {}
