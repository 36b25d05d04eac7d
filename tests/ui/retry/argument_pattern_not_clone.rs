use resilience::retry;

struct Upload {
    bytes: Vec<u8>,
}

#[retry(repeatable = "an upload replaces the file")]
async fn store((name, upload): (&str, Upload)) -> std::io::Result<usize> {
    Ok(name.len() + upload.bytes.len())
}

fn main() {}
