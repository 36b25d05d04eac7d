use resilience::circuit_breaker;

#[derive(Debug)]
enum QuoteError {
    Unreachable,
}

struct Exchange {
    up: bool,
}

impl Exchange {
    #[circuit_breaker(failure_rate = 0.5)]
    async fn quote(&self, symbol: &str) -> Result<u64, QuoteError> {
        if self.up { Ok(symbol.len() as u64) } else { Err(QuoteError::Unreachable) }
    }
}

fn main() {}
