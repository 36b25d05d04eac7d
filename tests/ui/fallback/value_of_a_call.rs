use resilience::fallback;

#[fallback(Vec::<String>::new())]
async fn names(id: u64) -> Vec<String> {
    vec![id.to_string()]
}

fn main() {}
