use resilience::idempotent;

struct Unit {
    tx: Vec<u64>,
}

impl Unit {
    #[idempotent(key = order, tx = self.tx)]
    async fn charge(mut self, order: u64) -> std::io::Result<u64> {
        self.tx.push(order);
        Ok(order)
    }
}

fn main() {}
