use resilience::exclusive;

#[exclusive]
fn nightly(day: u64) -> std::io::Result<u64> {
    Ok(day)
}

fn main() {}
