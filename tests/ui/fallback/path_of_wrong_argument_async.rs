use resilience::fallback;

async fn none(error: String) -> std::io::Result<usize> {
    Ok(error.len())
}

#[fallback(async none)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
