use resilience::timeout;

#[timeout(ms = 500)]
struct Client {
    url: String,
}

fn main() {}
