use resilience::exclusive;

#[exclusive(key = "")]
async fn settle() -> std::io::Result<()> {
    Ok(())
}

fn main() {}
