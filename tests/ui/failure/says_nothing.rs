use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure]
    Unreachable,
}

fn main() {}
