use resilience::retry;

struct Upload {
    bytes: Vec<u8>,
}

#[retry(repeatable = "an upload replaces the file")]
async fn store(name: String, upload: Option<Upload>) -> std::io::Result<usize> {
    Ok(name.len() + upload.map_or(0, |upload| upload.bytes.len()))
}

fn main() {}
