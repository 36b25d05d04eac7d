use std::rc::Rc;

use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

#[bulkhead(pool = REPORTS)]
async fn report(title: Rc<str>, lines: usize) -> Result<usize, Error> {
    Ok(title.len() + lines)
}

fn main() {}
