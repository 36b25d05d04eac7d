use resilience::Pool;

static REPORTS: Pool = Pool::new("reports").threads(0);

fn main() {}
