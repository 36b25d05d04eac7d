use resilience::Failure;

#[derive(Debug, Failure)]
struct PayError {
    code: u32,
}

fn main() {}
