use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

struct Reports;

impl Reports {
    #[bulkhead(pool = REPORTS)]
    async fn monthly(&self, title: &str) -> Result<usize, Error> {
        Ok(title.len())
    }

    #[bulkhead(pool = REPORTS)]
    async fn yearly(self: &mut Self) -> Result<usize, Error> {
        Ok(1)
    }
}

fn main() {}
