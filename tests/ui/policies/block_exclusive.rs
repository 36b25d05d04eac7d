use resilience::{Error, policies};

struct Jobs;

#[policies(exclusive(lease = "10s"), timeout(ms = 500))]
impl Jobs {
    async fn nightly(&self, day: u64) -> Result<u64, Error> {
        Ok(day)
    }
}

fn main() {}
