use resilience::policies;

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    const LIMIT: u32 = 3;

    fn limit(&self) -> u32 {
        Self::LIMIT
    }

    #[policies(skip)]
    fn twice(&self) -> u32 {
        2 * self.limit()
    }
}

fn main() {}
