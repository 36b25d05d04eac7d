use resilience::{fallback, timeout};

#[timeout(ms = 500)]
#[fallback(|_| None)]
async fn find(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {}
