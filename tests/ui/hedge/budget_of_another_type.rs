use resilience::hedge;

static BUDGET: u32 = 10;

#[hedge(after = "50ms", budget = BUDGET, repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
