use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

#[bulkhead(pool = REPORTS)]
async fn report<T: Send + AsRef<str>>(title: T) -> Result<usize, Error> {
    Ok(title.as_ref().len())
}

#[bulkhead(pool = REPORTS)]
async fn count<T: AsRef<str> + 'static>(title: T) -> Result<usize, Error> {
    Ok(title.as_ref().len())
}

fn main() {}
