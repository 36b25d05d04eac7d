use std::future::{Ready, ready};

use resilience::timeout;

#[timeout(ms = 500)]
fn fetch(url: &str) -> Ready<std::io::Result<String>> {
    ready(Ok(url.to_owned()))
}

fn main() {}
