use resilience::timeout;

struct Client;

#[timeout(ms = 500)]
impl Client {
    async fn fetch(&self) -> std::io::Result<String> {
        Ok(String::new())
    }
}

fn main() {}
