use resilience::Failure;

#[derive(Debug, Failure)]
enum PayError {
    #[failure(transparent)]
    Card,
}

fn main() {}
