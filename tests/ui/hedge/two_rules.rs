use resilience::{Error, bulkhead, hedge, timeout};

#[timeout(ms = 100)]
#[bulkhead(max = 1, queue = 1, max_wait = "1s")]
#[hedge(after = "200ms", repeatable)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
