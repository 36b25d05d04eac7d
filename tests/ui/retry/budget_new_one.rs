use resilience::{Error, RetryBudget, retry};

#[retry(budget = RetryBudget::new(), repeatable)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
