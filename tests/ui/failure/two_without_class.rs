use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    Unreachable,
    Declined,
}

fn main() {}
