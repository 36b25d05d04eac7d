use resilience::Bulkhead;

static ROOMS: Bulkhead = Bulkhead::new("rooms", 8).max_wait(std::time::Duration::from_secs(1));

fn main() {}
