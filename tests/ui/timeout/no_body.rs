use resilience::timeout;

trait Store {
    #[timeout(ms = 500)]
    async fn load(&self, id: u64) -> std::io::Result<String>;
}

fn main() {}
