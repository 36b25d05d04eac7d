use resilience::exclusive;

#[exclusive]
async fn nightly(day: u64) -> u64 {
    day
}

fn main() {}
