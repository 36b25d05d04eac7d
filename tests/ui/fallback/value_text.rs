use resilience::fallback;

#[fallback("nobody")]
async fn name(id: u64) -> String {
    id.to_string()
}

fn main() {}
