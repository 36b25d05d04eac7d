use resilience::policies;

#[policies(timeout(ms = 500))]
mod client {
    pub async fn fetch() -> Result<u32, resilience::Error> {
        Ok(1)
    }
}

fn main() {
    let _ = client::fetch();
}
