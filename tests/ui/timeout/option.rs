use resilience::timeout;

#[timeout(ms = 500)]
async fn find(id: u64) -> Option<String> {
    Some(id.to_string())
}

fn main() {}
