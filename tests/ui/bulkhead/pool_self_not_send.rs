use std::rc::Rc;
use std::sync::Arc;

use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

struct Reports(Rc<str>);

impl Reports {
    #[bulkhead(pool = REPORTS)]
    async fn report(self: Arc<Self>) -> Result<usize, Error> {
        Ok(self.0.len())
    }
}

fn main() {}
