use resilience::retry;

static BUDGET: u32 = 20;

#[retry(budget = BUDGET, repeatable = "a read")]
async fn price() -> Result<u64, resilience::Error> {
    Ok(1)
}

fn main() {}
