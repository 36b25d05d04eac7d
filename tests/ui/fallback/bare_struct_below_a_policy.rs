use resilience::{fallback, timeout};

struct Price {
    cents: u64,
}

#[timeout(ms = 500)]
#[fallback(|_| Price { cents: 0 })]
async fn price(cents: u64) -> Price {
    Price { cents }
}

fn main() {}
