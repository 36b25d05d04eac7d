use resilience::{Error, exclusive, hedge};

#[hedge(after = "50ms", repeatable)]
#[exclusive(key = day, otherwise = wait)]
async fn nightly(day: u64) -> Result<u64, Error> {
    Ok(day)
}

fn main() {}
