use std::rc::Rc;

use resilience::{Error, policies, timeout};

#[policies(boxed)]
#[timeout(ms = 500)]
async fn level(item: &str) -> Result<usize, Error> {
    let held = Rc::new(item.len());
    tokio::task::yield_now().await;
    Ok(*held)
}

fn main() {}
