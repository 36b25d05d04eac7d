use resilience::{fallback, timeout};

struct Price {
    cents: u64,
}

#[fallback(|_| Price { cents: 0 })]
#[timeout(ms = 500)]
async fn price(cents: u64) -> Price {
    cents
}

fn main() {}
