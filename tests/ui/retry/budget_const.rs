use resilience::{Error, RetryBudget, retry};

const BUDGET: RetryBudget = RetryBudget::new();

#[retry(budget = BUDGET, repeatable)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
