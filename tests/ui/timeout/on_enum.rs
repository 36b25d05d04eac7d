use resilience::timeout;

#[timeout(ms = 500)]
enum Mode {
    Fast,
    Slow,
}

fn main() {}
