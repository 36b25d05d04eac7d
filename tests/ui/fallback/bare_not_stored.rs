use resilience::{fallback, idempotent};

struct Price {
    cents: u64,
}

#[fallback(|_| Price { cents: 0 })]
#[idempotent(key = cents)]
async fn price(cents: u64) -> Price {
    Price { cents }
}

fn main() {}
