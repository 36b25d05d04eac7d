use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(not_run)]
    Unreachable,
}

fn main() {}
