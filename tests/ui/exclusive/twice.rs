use resilience::{Error, exclusive};

#[exclusive(key = "a")]
#[exclusive(key = "a")]
async fn nightly() -> Result<(), Error> {
    Ok(())
}

fn main() {}
