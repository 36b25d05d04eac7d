use resilience::CircuitBreaker;

static GATEWAY: CircuitBreaker = CircuitBreaker::new("gateway").failure_rate(0.0);

fn main() {}
