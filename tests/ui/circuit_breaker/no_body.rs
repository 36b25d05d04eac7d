use resilience::circuit_breaker;

trait Exchange {
    #[circuit_breaker(failure_rate = 0.5)]
    async fn quote(&self, symbol: &str) -> std::io::Result<u64>;
}

fn main() {}
