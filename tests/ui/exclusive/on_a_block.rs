use resilience::exclusive;

struct Jobs;

#[exclusive(lease = "10s")]
impl Jobs {
    async fn nightly(&self) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() {}
