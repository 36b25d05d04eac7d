use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(transient = true)]
    Unreachable,
}

fn main() {}
