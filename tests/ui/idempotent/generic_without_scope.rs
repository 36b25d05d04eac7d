//! The results of one type would be given to the callers of the others.

use resilience::{Error, idempotent};

#[idempotent(key = order)]
async fn charge<T: Send, const N: usize>(order: u64, unit: T, log: &impl Fn(u64)) -> Result<[u64; N], Error> {
    drop(unit);
    log(order);
    Ok([order; N])
}

/// The lifetime is no type, and the scope says what the types are.
#[idempotent(key = order, scope = T::NAME)]
async fn scoped<'a, T: Named>(order: &'a u64) -> Result<u64, Error> {
    Ok(*order)
}

trait Named {
    const NAME: &'static str;
}

fn main() {}
