use resilience::timeout;

#[timeout(ms = 500)]
async fn ping(host: &str) {
    println!("{host}");
}

fn main() {}
