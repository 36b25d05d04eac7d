use resilience::{Error, policies};

struct Client;

#[policies(allow(retry_unsafe = "the callee deduplicates"))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

struct Other;

#[policies]
impl Other {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
