use resilience::hedge;

#[hedge(after = "50ms", repeatable = "a read")]
async fn fill(url: &str, buffer: &mut Vec<u8>, count: &mut usize) -> std::io::Result<()> {
    buffer.extend(url.bytes());
    *count += 1;
    Ok(())
}

fn main() {}
