use resilience::{RetryBudget, retry};

static BUDGET: RetryBudget = RetryBudget::new().share(20.0);

#[retry(budget = BUDGET, repeatable = "a read")]
async fn price() -> Result<u64, resilience::Error> {
    Ok(1)
}

fn main() {}
