use resilience::hedge;

#[hedge(after = "50ms", repeatable = "a read")]
async fn fetch(url: &str, (seen, more): (&mut u32, u32)) -> std::io::Result<String> {
    *seen += more;
    Ok(url.to_owned())
}

fn main() {}
