use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(retryable)]
    Unreachable,
}

fn main() {}
