use resilience::{Error, exclusive};

trait Job {
    #[exclusive]
    async fn run(&self) -> Result<u32, Error> {
        Ok(self.id())
    }

    // Says whose right it is.
    #[exclusive(key = self.id())]
    async fn run_for(&self) -> Result<u32, Error> {
        Ok(self.id())
    }

    fn id(&self) -> u32;
}

fn main() {}
