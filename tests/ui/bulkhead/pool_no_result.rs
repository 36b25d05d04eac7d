use resilience::{Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

type Count = usize;

#[bulkhead(pool = REPORTS)]
async fn report(title: String) -> Count {
    title.len()
}

fn main() {}
