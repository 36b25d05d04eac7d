use std::rc::Rc;

use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

#[bulkhead(pool = REPORTS)]
async fn report(title: String) -> Result<Rc<str>, Error> {
    Ok(title.into())
}

fn main() {}
