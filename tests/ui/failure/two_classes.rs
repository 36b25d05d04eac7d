use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(transient, permanent)]
    Unreachable,
}

fn main() {}
