use resilience::{Error, Pool, bulkhead, retry};

static REPORTS: Pool = Pool::new("reports");

struct Reports;
struct Title;

impl Reports {
    #[retry(repeatable)]
    #[bulkhead(pool = REPORTS)]
    async fn report(self) -> Result<(), Error> {
        let Self = self;
        Ok(())
    }

    #[retry(repeatable)]
    #[bulkhead(pool = REPORTS)]
    async fn named(title: Title) -> Result<(), Error> {
        let Title = title;
        Ok(())
    }
}

fn main() {}
