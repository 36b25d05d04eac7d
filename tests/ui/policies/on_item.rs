use resilience::policies;

#[policies(timeout(ms = 500))]
const LIMIT: fn() -> u32 = || 3;

#[policies(timeout(ms = 500))]
use std::time::Duration;

fn main() {
    let _ = (LIMIT(), Duration::ZERO);
}
