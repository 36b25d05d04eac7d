use resilience::timeout;

#[timeout(ms = 500)]
trait Store {
    async fn load(&self, id: u64) -> std::io::Result<String>;
}

fn main() {}
