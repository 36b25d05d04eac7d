use std::time::Duration;

use resilience::exclusive;

const LEASE: Duration = Duration::from_millis(5);

#[exclusive(lease = LEASE)]
async fn nightly() -> std::io::Result<()> {
    Ok(())
}

fn main() {}
