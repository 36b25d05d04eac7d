use resilience::timeout;

struct Page {
    text: String,
}

#[timeout(ms = 500)]
async fn fetch(url: &str) -> Page {
    Page { text: url.to_owned() }
}

fn main() {}
