use resilience::idempotent;

#[idempotent(key = order, scope = _)]
async fn charge<T: Default>(order: u64) -> std::io::Result<T> {
    println!("{order}");
    Ok(T::default())
}

fn main() {}
