use std::borrow::Cow;

use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

#[bulkhead(pool = REPORTS)]
async fn report(title: &str, names: Vec<&'static str>, lines: Cow<'_, str>) -> Result<usize, Error> {
    Ok(title.len() + names.len() + lines.len())
}

fn main() {}
