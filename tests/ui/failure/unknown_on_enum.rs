use resilience::Failure;

#[derive(Debug, Failure)]
#[failure(default = transient, fallback = permanent)]
enum PayError {
    Unreachable,
}

fn main() {}
