use resilience::timeout;

type Pages = Vec<String>;

#[timeout(ms = 500)]
async fn fetch(url: &str) -> Pages {
    vec![url.to_owned()]
}

fn main() {}
