use resilience::fallback;

async fn none(_: std::io::Error) -> usize {
    0
}

#[fallback(async none)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
