use resilience::retry;

struct Head(String);

struct Body(Vec<u8>);

#[retry(repeatable = "an upload replaces the file")]
async fn store(head: Head, body: Body) -> std::io::Result<usize> {
    Ok(head.0.len() + body.0.len())
}

fn main() {}
