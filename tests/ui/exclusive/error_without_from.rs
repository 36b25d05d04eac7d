use resilience::exclusive;

#[derive(Debug)]
struct Failed;

#[exclusive]
async fn nightly(day: u64) -> Result<u64, Failed> {
    if day == 0 { Err(Failed) } else { Ok(day) }
}

fn main() {}
