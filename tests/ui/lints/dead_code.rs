#![deny(dead_code)]

use resilience::{Error, retry, timeout};

struct Client;

impl Client {
    #[timeout(ms = 500)]
    async fn unused(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[retry(attempts = 2, repeatable)]
async fn never_called(name: String) -> Result<String, Error> {
    Ok(name)
}

#[timeout(ms = 500)]
fn nor_this_one() -> impl Future<Output = Result<(), Error>> {
    async { Ok(()) }
}

fn main() {
    let _ = Client;
}
