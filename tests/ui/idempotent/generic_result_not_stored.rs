use resilience::idempotent;

#[idempotent(key = order)]
async fn charge<T: Default>(order: u64) -> std::io::Result<T> {
    println!("{order}");
    Ok(T::default())
}

fn main() {}
