use std::rc::Rc;

use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

async fn write(_: &str) {}

#[bulkhead(pool = REPORTS)]
async fn report(title: String) -> Result<usize, Error> {
    let shared = Rc::new(title);
    write(&shared).await;
    Ok(shared.len())
}

fn main() {}
