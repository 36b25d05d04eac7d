use std::sync::Arc;

use resilience::{Error, hedge, retry};

struct Client {
    names: Vec<String>,
}

impl Client {
    #[retry(attempts = 2, repeatable)]
    async fn repeated(self: Arc<Self>) -> Result<usize, Error> {
        drop(self.names);
        Ok(0)
    }

    #[hedge(after = "50ms", repeatable)]
    async fn raced(&self) -> Result<usize, Error> {
        drop(self.names);
        Ok(0)
    }
}

fn main() {}
