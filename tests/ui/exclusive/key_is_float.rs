use resilience::exclusive;

#[exclusive(key = weight)]
async fn nightly(weight: f64) -> std::io::Result<f64> {
    Ok(weight)
}

fn main() {}
