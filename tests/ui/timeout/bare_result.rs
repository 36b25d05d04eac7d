use resilience::timeout;

#[timeout(ms = 500)]
async fn count(table: &str) -> Vec<u64> {
    vec![table.len() as u64]
}

fn main() {}
