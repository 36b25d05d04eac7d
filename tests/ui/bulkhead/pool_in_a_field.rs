use resilience::{Error, Pool, bulkhead};
use std::sync::Arc;

struct Reports {
    pool: Arc<Pool>,
}

impl Reports {
    #[bulkhead(pool = self.pool)]
    async fn report(self: Arc<Self>) -> Result<(), Error> {
        Ok(())
    }
}

fn main() {}
