use resilience::{hedge, retry};

struct Upload {
    bytes: Vec<u8>,
}

#[retry(repeatable = "an upload replaces the file")]
#[hedge(after = "50ms", repeatable = "an upload replaces the file")]
async fn store(upload: Upload) -> std::io::Result<usize> {
    Ok(upload.bytes.len())
}

fn main() {}
