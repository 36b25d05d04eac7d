use resilience::timeout;

#[timeout(ms = 500)]
const fn fetch(attempt: u32) -> Result<u32, resilience::Error> {
    Ok(attempt)
}

fn main() {}
